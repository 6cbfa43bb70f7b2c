//! Demand traces: utilisation over time, one row a VM.

/// A trace: rows of samples in percent of a VM's own processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Names of the rows.
    pub names: Vec<String>,
    /// Samples of all rows, row after row, in percent (0-100).
    pub samples: Vec<u8>,
    /// Samples in a row.
    pub row_length: usize,
}

impl Trace {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The samples of a row; empty beyond the last.
    pub fn row(&self, index: usize) -> &[u8] {
        let start = index.saturating_mul(self.row_length);
        self.samples
            .get(start..start.saturating_add(self.row_length))
            .unwrap_or(&[])
    }
}
