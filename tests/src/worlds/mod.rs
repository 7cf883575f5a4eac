//! A world for each destination, and the list of them.

pub mod heyloyalty;
pub mod webhook;

pub use heyloyalty::HeyloyaltyWorld;
pub use webhook::WebhookWorld;
