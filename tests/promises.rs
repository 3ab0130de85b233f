//! The promises of an action, end to end below the screen: the real engine, journal and providers against the
//! embedded world, whose ledger knows what really happened.

#[path = "support/cockpit.rs"]
mod cockpit;
#[path = "promises/deeds.rs"]
mod deeds;
#[path = "promises/guards.rs"]
mod guards;
#[path = "promises/identity.rs"]
mod identity;
#[path = "promises/once.rs"]
mod once;
#[path = "promises/windows.rs"]
mod windows;
