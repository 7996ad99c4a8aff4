//! Batches of every form arrive whole, are stored, and are confirmed by the next read.

use std::sync::{Arc, Mutex};

use pix_stream_client::{
    Consumer, Error, Event, FileSink, MemorySink, Message, Observer, Outcome, Sink, SinkError, Stop,
    Unobserved,
};

use crate::server::{Answer, ISPB, Server, an_hour, batch, empty, id, options, single, xml};

/// Remembers every message, in order.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<Vec<Message>>);

impl Sink for Shelf {
    async fn store_batch(&self, batch: &[Message]) -> Result<Vec<Outcome>, SinkError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(vec![Outcome::New; batch.len()])
    }
}

#[tokio::test(start_paused = true)]
async fn batches_of_every_form_are_stored_and_confirmed_in_turn() {
    let script = [batch("t1", &[1, 2, 3]), single("t2", 4), batch("t3", &[5, 6]).gzipped(), empty("t4")];
    let server = Server::scripted(script);
    let shelf = Arc::new(Shelf::default());
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::FirstEmpty));
    let summary = consumer.run(Arc::clone(&shelf), Arc::new(Unobserved), an_hour()).await.unwrap();

    assert_eq!(server.lines(), ["GET start", "GET t1", "GET t2", "GET t3", "DELETE t4"]);
    assert_eq!(server.connections(), 1);
    let stored = shelf.0.lock().unwrap();
    let expected: Vec<_> = (1..=6).map(|n| (id(n), xml(n), Some(format!("M{n:031}")))).collect();
    let found = stored
        .iter()
        .map(|m| (m.resource_id, String::from_utf8(m.bytes.to_vec()).unwrap(), m.message_id.clone()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!((summary.delivered, summary.new, summary.confirmed), (6, 6, 6));
    assert_eq!((summary.batches, summary.empties, summary.retries), (3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn options_decide_what_is_accepted_and_nothing_beyond_the_strict_list_is_sent() {
    for (multipart, gzip) in [(true, true), (false, false)] {
        let server = Server::scripted([empty("t1")]);
        let mut options = options(Stop::FirstEmpty);
        (options.multipart, options.gzip) = (multipart, gzip);
        let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options);
        consumer.run(Arc::new(MemorySink::new(10)), Arc::new(Unobserved), an_hour()).await.unwrap();
        let read = &server.requests()[0];
        assert_eq!(read.header("accept").unwrap().contains("multipart/mixed"), multipart);
        assert_eq!(read.header("accept-encoding"), gzip.then_some("gzip"));
        assert_eq!(read.header("host"), Some("localhost"));
        let strict = ["accept", "accept-encoding", "host", "user-agent"];
        for request in server.requests() {
            assert!(request.headers.keys().all(|name| strict.contains(&name.as_str())), "{request:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn empty_reads_are_followed_until_a_message_comes() {
    let server = Server::scripted([empty("t1"), empty("t2"), single("t3", 1)]);
    let sink = Arc::new(MemorySink::new(10));
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Count(1)));
    let summary = consumer.run(sink, Arc::new(Unobserved), an_hour()).await.unwrap();
    assert_eq!(server.lines(), ["GET start", "GET t1", "GET t2", "DELETE t3"]);
    assert_eq!((summary.empties, summary.new, summary.confirmed), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_in_the_middle_of_its_body_is_asked_for_again() {
    let server = Server::scripted([Answer::Cut(Box::new(batch("t1", &[1, 2]))), batch("t1", &[1, 2])]);
    let sink = Arc::new(MemorySink::new(10));
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Count(2)));
    let summary = consumer.run(Arc::clone(&sink), Arc::new(Unobserved), an_hour()).await.unwrap();
    assert_eq!(server.lines(), ["GET start", "GET start", "DELETE t1"]);
    assert_eq!((summary.new, summary.duplicates, summary.retries), (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_cannot_be_read_is_asked_for_three_times_and_never_stored() {
    let Answer::Reply { status, headers, mut body } = batch("t1", &[1, 2]) else { unreachable!() };
    body.truncate(body.len() - 20);
    let broken = Answer::Reply { status, headers, body };
    let server = Server::scripted([broken.clone(), broken.clone(), broken]);
    let shelf = Arc::new(Shelf::default());
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::Forever));
    let error = consumer.run(Arc::clone(&shelf), Arc::new(Unobserved), an_hour()).await.unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error}");
    assert_eq!(server.lines(), ["GET start"; 3]);
    assert!(shelf.0.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_observer_sees_a_batch_only_once_its_file_is_there() {
    struct Look(std::path::PathBuf, Mutex<Vec<String>>);
    impl Observer for Look {
        fn on_event(&self, event: &Event<'_>) {
            if let Event::BatchStored { messages, .. } = event {
                let name = format!("{}.xml", messages[0].message_id.as_ref().unwrap());
                assert_eq!(std::fs::read(self.0.join(name)).unwrap(), messages[0].bytes);
            }
            let text = format!("{event:?}");
            self.1.lock().unwrap().push(text.split(' ').next().unwrap().to_owned());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::scripted([batch("t1", &[1]), empty("t2")]);
    let sink = Arc::new(FileSink::open(folder.path()).await.unwrap());
    let look = Arc::new(Look(folder.path().to_owned(), Mutex::default()));
    let consumer = Consumer::new(server.endpoint(), ISPB.parse().unwrap(), options(Stop::FirstEmpty));
    consumer.run(sink, Arc::clone(&look), an_hour()).await.unwrap();
    let names = look.1.lock().unwrap();
    assert_eq!(*names, ["Opened", "BatchStored", "Confirmed", "Empty", "Closed"]);
}
