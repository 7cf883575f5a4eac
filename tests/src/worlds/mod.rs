//! A world for each destination, and the list of them.

pub mod heyloyalty;

pub use heyloyalty::HeyloyaltyWorld;
