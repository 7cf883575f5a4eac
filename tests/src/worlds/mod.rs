//! A world for each destination, and the list of them.

pub mod cheetah_digital;
pub mod heyloyalty;
pub mod webhook;

pub use cheetah_digital::CheetahDigitalWorld;
pub use heyloyalty::HeyloyaltyWorld;
pub use webhook::WebhookWorld;
