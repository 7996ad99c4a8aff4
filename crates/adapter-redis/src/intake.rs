//! The Intake on a Redis Stream with a consumer group (requirement B.5).
