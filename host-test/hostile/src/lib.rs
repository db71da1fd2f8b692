//! A component of the contract that does whatever its settings tell it to, for the tests of the sandbox.
//!
//! The JSON object of the settings' values is a script: `{"do":"send","requests":[…]}` sends and hands back all that it
//! received, other words do harm. One small artifact thereby serves every test, and what a test does to the host stands
//! in the test.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`script`] | the script, parsed, and what was received, as JSON |
//! | [`harm`] | what a hostile plugin does |
//! | [`exports`] | the contract: each call carries out its part of the script |

pub mod bindings;
pub mod exports;
pub mod harm;
pub mod script;
