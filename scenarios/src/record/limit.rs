//! The limits of a figure as the record holds them, for comparisons with other versions.

use serde::{Deserialize, Serialize};

use super::figure::{Better, kind_of};
use crate::spec::limit::{Direction, LimitSpec};

/// How far a figure may go the wrong way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The figure, with or without its statistic.
    pub figure: String,
    /// Worse by this share warns.
    pub warn: f64,
    /// Worse by this share fails.
    pub fail: f64,
    /// A difference below this, in the figure's unit, is none; absent where nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Which way it should go, where that is not what the registry says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
}

impl Limit {
    /// What the scenario says.
    pub fn of(spec: &LimitSpec) -> Self {
        Self {
            figure: spec.figure.value.clone(),
            warn: spec.warn.0,
            fail: spec.fail.0,
            floor: spec.floor,
            better: spec.better.map(Direction::better),
        }
    }

    /// Whether it is of a figure, by its full name.
    pub fn fits(&self, figure: &str) -> bool {
        self.figure == figure || kind_of(figure).is_some_and(|kind| kind.name == self.figure)
    }
}

impl Direction {
    const fn better(self) -> Better {
        match self {
            Self::Lower => Better::Lower,
            Self::Higher => Better::Higher,
            Self::Neither => Better::Neither,
        }
    }
}
