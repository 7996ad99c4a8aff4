//! The metrics of connections and of TLS. Those of requests are `delivery`'s.

/// Open connections past their handshake, by `listener`.
pub const CONNECTIONS_OPEN: &str = "pix_stream_connections_open";
/// Connections refused, by `listener` and `reason` (`node_limit`, `participant_limit`).
pub const CONNECTIONS_REFUSED: &str = "pix_stream_connections_refused_total";
/// Connections that ended, by `listener` and `reason` (`client`, `head_timeout`, `idle`, `drain`, `cut`,
/// `revoked`, `untrusted`, `expired`, `roles_changed`, `error`).
pub const CONNECTIONS_ENDED: &str = "pix_stream_connections_ended_total";
/// Failures to accept a connection, by `listener`: mostly too few file descriptors.
pub const ACCEPT_ERRORS: &str = "pix_stream_accept_errors_total";
/// TLS handshakes, by `listener` and `outcome` (`full`, `resumed`, `rejected_certificate`, `failed`, `timeout`).
pub const TLS_HANDSHAKES: &str = "pix_stream_tls_handshakes_total";
/// Client certificates that were refused, by `listener` and `reason`.
pub const TLS_CERTIFICATES_REJECTED: &str = "pix_stream_tls_certificates_rejected_total";
/// Readings of certificates, trust and revocation lists while running, by `outcome` (`taken`, `refused`).
pub const TLS_RELOADS: &str = "pix_stream_tls_reloads_total";
/// When a certificate of the server ends, in seconds of Unix time, by `file`.
pub const TLS_CERTIFICATE_EXPIRY: &str = "pix_stream_tls_certificate_expiry_seconds";
/// When the next issue of a revocation list was promised (`nextUpdate`), in seconds of Unix time, by `file`.
pub const TLS_REVOCATION_LIST_EXPIRY: &str = "pix_stream_tls_revocation_list_expiry_seconds";
/// Connections cut because they did not end within the drain's time.
pub const DRAIN_CUT: &str = "pix_stream_drain_connections_cut_total";
