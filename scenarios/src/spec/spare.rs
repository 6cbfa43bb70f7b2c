//! `plan.spare` — what may fail: hosts, racks, power feeds; a number alone is hosts.

use std::fmt;
use std::ops::Deref;

use serde_json::{Value as Json, json};

use crate::decode::{Decoder, Field, SchemaBook};
use crate::domain::DomainKind;
use crate::fault::Span;
use crate::yaml::{Node, Value};

crate::spec! {
    /// What may be missing from the start to the end. Each kind is tried by itself: hosts, then racks, then feeds.
    pub struct SpareCountsSpec {
        /// Hosts of the group that is sought. 1 is N+1, 2 is N+2.
        hosts: u32 [0, Self::HOSTS_MAX] => default(1),
        /// Racks: any so many of them, with all hosts in them.
        racks: u32 [0, 4] => default(0),
        /// Power feeds: any so many of them, with all hosts on them.
        feeds: u32 [0, 4] => default(0),
    }
}

/// The same, or a number of hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct SpareSpec(SpareCountsSpec);

impl SpareSpec {
    /// So many hosts, and no rack or feed.
    pub const fn hosts(hosts: u32) -> Self {
        Self(SpareCountsSpec {
            hosts,
            racks: 0,
            feeds: 0,
        })
    }

    /// How many domains of a kind may be missing.
    pub const fn of(&self, kind: DomainKind) -> u32 {
        match kind {
            DomainKind::Host => self.0.hosts,
            DomainKind::Rack => self.0.racks,
            DomainKind::Feed => self.0.feeds,
        }
    }
}

impl Deref for SpareSpec {
    type Target = SpareCountsSpec;

    fn deref(&self) -> &SpareCountsSpec {
        &self.0
    }
}

impl fmt::Display for SpareSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(SpareCountsSpec { hosts, racks, feeds }) = self;
        match (racks, feeds) {
            (0, 0) => write!(f, "{hosts}"),
            _ => write!(f, "{{hosts: {hosts}, racks: {racks}, feeds: {feeds}}}"),
        }
    }
}

impl Field for SpareSpec {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if !matches!(node.value, Value::Scalar { .. }) {
            return SpareCountsSpec::decode(node, decoder).map(Self);
        }
        let hosts = u32::decode(node, decoder);
        let most = SpareCountsSpec::HOSTS_MAX;
        crate::decode::in_range(hosts, (0, most), node, decoder).map(Self::hosts)
    }

    fn placeholder(_: Span) -> Self {
        Self::hosts(0)
    }

    fn schema(book: &mut SchemaBook) -> Json {
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, SpareCountsSpec::schema(book)] })
    }
}

impl SpareCountsSpec {
    /// Most hosts that may be missing.
    const HOSTS_MAX: u32 = 64;
}
