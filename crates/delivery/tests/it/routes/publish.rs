//! Publishing over HTTP (protocol, section 8).

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::routes::world::{Ask, BANK, OTHER, Reply, World, bank, impatient, ispb, producer};
use pix_stream_app::Settings;
use pix_stream_delivery::Wire;
use pix_stream_testkit::fake::FakeCodec;

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

fn message(id: &str) -> Bytes {
    FakeCodec::message(id, ispb(BANK), 200)
}

fn multipart(messages: &[Bytes]) -> Ask {
    let mut body = Vec::new();
    for message in messages {
        body.extend_from_slice(b"--b:1\r\nContent-Type: application/xml; charset=utf-8\r\n\r\n");
        body.extend_from_slice(message);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b:1--\r\n");
    Ask::publish(BANK, "multipart/mixed; boundary=\"b:1\"", body)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn published(world: &World, ask: Ask) -> String {
    let reply = world.ask(&producer(), ask).await;
    assert_eq!((reply.status, reply.body.len()), (201, 0), "{reply:?}");
    assert_eq!(reply.find("X-RateLimit-Limit"), None, "producers are not counted");
    reply.header("PI-ResourceId").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_published_and_read_back_byte_for_byte() {
    let world = world().await;
    let id = published(&world, Ask::publish(BANK, "application/xml; charset=\"UTF-8\"", message("M1"))).await;
    let reply = world.ask(&bank(), Ask::start(BANK)).await;
    assert_eq!(reply.header("PI-ResourceId"), id);
    assert_eq!(reply.body, message("M1"));
}

#[tokio::test(start_paused = true)]
async fn many_are_published_in_order_and_a_repeat_gets_the_same_ids() {
    let world = world().await;
    let messages = [message("M1"), message("M2"), message("M3")];
    let ids = published(&world, multipart(&messages)).await;
    assert_eq!(ids.split(',').count(), 3);
    assert_eq!(published(&world, multipart(&messages)).await, ids);
    let reply = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(reply.messages().len(), 3);
    let text = reply.text();
    let delivered: Vec<_> = text.split("PI-ResourceId: ").skip(1).map(|rest| &rest[..32]).collect();
    assert_eq!(delivered.join(","), ids);
}

#[tokio::test(start_paused = true)]
async fn gzip_and_chunks_are_taken() {
    let world = world().await;
    let ask = Ask::publish(BANK, "application/xml", gzip(&message("M1"))).header("Content-Encoding", "gzip");
    published(&world, ask).await;
    // Compressed so badly that inflating leaves the connection's thread.
    let mut noise = Vec::new();
    let mut n: u32 = 1;
    while noise.len() < 60_000 {
        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push(b'a' + u8::try_from((n >> 24) % 26).unwrap());
    }
    let large = [b"<m id=\"L\" to=\"99999A04\">", &noise[..], b"</m>"].concat();
    let compressed = gzip(&large);
    assert!(compressed.len() > 16 * 1024);
    let ask = Ask::publish(BANK, "application/xml", compressed).header("Content-Encoding", "gzip");
    published(&world, ask).await;
    let xml = message("M2");
    let (a, b) = xml.split_at(50);
    let raw = [
        format!("POST /api/v1/out/{BANK}/msgs HTTP/1.1\r\nHost: icom\r\nConnection: close\r\n").as_bytes(),
        b"Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n",
        format!("{:x}\r\n", a.len()).as_bytes(),
        a,
        format!("\r\n{:x}\r\n", b.len()).as_bytes(),
        b,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    assert_eq!(Reply::parse(&world.raw(&producer(), &raw).await, false).status, 201);
    let reply = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(
        reply.messages(),
        [&message("M1")[..], &large, &xml].map(|m| String::from_utf8(m.to_vec()).unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn limits_count_after_decompression() {
    let wire = Wire { message_bytes: 1000, publish_bytes: 3000, ..Wire::default() };
    let world = World::with(wire, impatient()).await;
    let sized = |id: &str, bytes| FakeCodec::message(id, ispb(BANK), bytes);
    published(&world, Ask::publish(BANK, "application/xml", sized("M1", 1000))).await;
    let title = world
        .ask(&producer(), Ask::publish(BANK, "application/xml", sized("M2", 1001)))
        .await
        .problem(413, "tooLarge");
    assert!(title.starts_with("part 1: "), "{title}");
    let title = world
        .ask(&producer(), multipart(&[sized("M3", 900), sized("M4", 1001)]))
        .await
        .problem(413, "tooLarge");
    assert!(title.starts_with("part 2: "), "{title}");
    let bomb =
        Ask::publish(BANK, "application/xml", gzip(&vec![b' '; 300_000])).header("Content-Encoding", "gzip");
    world.ask(&producer(), bomb).await.problem(413, "tooLarge");
    let chunks = format!(
        "POST /api/v1/out/{BANK}/msgs HTTP/1.1\r\nHost: icom\r\nConnection: close\r\n\
         Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\nbb9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(3001)
    );
    Reply::parse(&world.raw(&producer(), chunks.as_bytes()).await, false).problem(413, "tooLarge");
    let eleven: Vec<_> = (0..11).map(|n| FakeCodec::message(&format!("E{n}"), ispb(BANK), 10)).collect();
    world.ask(&producer(), multipart(&eleven)).await.problem(413, "tooLarge");
    // Nothing of what was refused is there.
    let reply = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(reply.messages(), [String::from_utf8(sized("M1", 1000).to_vec()).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn the_first_bad_part_is_named_and_nothing_is_stored() {
    let world = world().await;
    let bad = Bytes::from_static(b"<m id=\"X\"></m>");
    let title = world
        .ask(&producer(), multipart(&[message("M1"), bad, Bytes::from_static(b"")]))
        .await
        .problem(400, "invalidMessage");
    assert!(title.starts_with("part 2: 1:1 m/to"), "{title}");
    let recipient = FakeCodec::message("M1", ispb(OTHER), 50);
    let reply = world.ask(&producer(), Ask::publish(BANK, "application/xml", recipient)).await;
    reply.problem(400, "invalidMessage");
    assert_eq!(reply.details(), ["1:1 m/to [recipient] is not the participant it is published for"]);
    let empty = Ask::publish(BANK, "application/xml", "");
    let title = world.ask(&producer(), empty).await.problem(400, "invalidMessage");
    assert!(title.starts_with("part 1: "), "{title}");
    world.ask(&producer(), multipart(&[])).await.problem(400, "invalidMessage");
    assert_eq!(world.ask(&bank(), Ask::start(BANK).many()).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_under_a_known_id_are_409() {
    let world = world().await;
    published(&world, Ask::publish(BANK, "application/xml", message("M1"))).await;
    let other = FakeCodec::message("M1", ispb(BANK), 201);
    let title = world.ask(&producer(), multipart(&[message("M2"), other])).await.problem(409, "conflict");
    assert!(title.starts_with("part 2: "), "{title}");
    let twice = [message("M3"), FakeCodec::message("M3", ispb(BANK), 300)];
    world.ask(&producer(), multipart(&twice)).await.problem(409, "conflict");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_breaks_is_given_up() {
    let world = world().await;
    let head =
        format!("POST /api/v1/out/{BANK}/msgs HTTP/1.1\r\nHost: icom\r\nContent-Type: application/xml\r\n");
    let began = tokio::time::Instant::now();
    let stalled = format!("{head}Content-Length: 100\r\n\r\n<m");
    let reply = Reply::parse(&world.raw(&producer(), stalled.as_bytes()).await, false);
    reply.problem(400, "invalidHeader");
    assert_eq!((reply.header("Connection"), began.elapsed().as_secs()), ("close", 30));
    let malformed = format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n<m id\r\nxyz\r\n");
    let reply = Reply::parse(&world.raw(&producer(), malformed.as_bytes()).await, false);
    reply.problem(400, "invalidHeader");
    assert_eq!(reply.header("Connection"), "close");
}

#[tokio::test(start_paused = true)]
async fn bodies_beyond_the_nodes_room_are_503() {
    let wire = Wire { publish_bytes_in_flight: 100, ..Wire::default() };
    let world = World::with(wire, impatient()).await;
    let reply = world.ask(&producer(), Ask::publish(BANK, "application/xml", message("M1"))).await;
    reply.problem(503, "overloaded");
    assert_eq!(reply.header("Retry-After"), "1");
    let small = FakeCodec::message("M2", ispb(BANK), 60);
    published(&world, Ask::publish(BANK, "application/xml", small.clone())).await;
    // What was held was given back.
    published(&world, Ask::publish(BANK, "application/xml", small)).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_is_503_with_retry_after() {
    let world = World::with(Wire::default(), Settings { backlog_high_water: 1, ..impatient() }).await;
    published(&world, Ask::publish(BANK, "application/xml", message("M1"))).await;
    let reply = world.ask(&producer(), Ask::publish(BANK, "application/xml", message("M2"))).await;
    reply.problem(503, "overloaded");
    assert!(reply.header("Retry-After").parse::<u64>().unwrap() >= 1);
}
