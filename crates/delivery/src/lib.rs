//! HTTP and TLS: listeners, routes, limits, the error matrix, drain.
