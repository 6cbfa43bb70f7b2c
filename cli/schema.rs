//! `twinrack schema`: prints the JSON Schema of the scenario.

use clap::Args;

use crate::exit::{Exit, Stop, print};

/// Arguments of `schema`: none.
#[derive(Args)]
pub struct Schema {}

impl Schema {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let Self {} = self;
        print(&twinrack_scenario::schema::json_schema_text())?;
        Ok(Exit::Done)
    }
}
