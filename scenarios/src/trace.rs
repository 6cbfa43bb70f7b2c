//! Demand traces: utilisation over time, one row a VM, read from CSV and gzipped CSV.
//!
//! The form is `vm_name,u0,u1,…`: a header, then a row for each VM with whole percents of its own processors.
//! `PlanetLab`'s published form, a folder with a file for each VM and a sample on each line, is brought into it by
//! [`Trace::from_files`].

use std::fmt::Write as _;
use std::io::{Read, Write};

/// Largest trace once unpacked: 1 GiB.
pub const BYTES_MAX: u64 = 1 << 30;

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

/// Why bytes are no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Not gzip, or broken.
    #[error("the gzip stream is broken: {0}")]
    Gzip(String),
    /// Over [`BYTES_MAX`].
    #[error("the trace is over {BYTES_MAX} bytes once unpacked")]
    TooLarge,
    /// Not CSV.
    #[error("line {line}: {what}")]
    Csv {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A value that is no percentage.
    #[error("line {line}, column {column}: `{value}` is not a whole percentage from 0 to 100")]
    Value {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        value: String,
    },
    /// A row of another length.
    #[error("line {line}: {found} samples, but the rows before have {expected}")]
    Ragged {
        /// The line, from 1.
        line: u64,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// No rows.
    #[error("the trace has no rows")]
    Empty,
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

    /// Reads CSV or gzipped CSV.
    pub fn from_csv(bytes: &[u8]) -> Result<Self, TraceError> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut text = Vec::new();
            let mut unpacked = flate2::read::GzDecoder::new(bytes).take(BYTES_MAX + 1);
            unpacked
                .read_to_end(&mut text)
                .map_err(|error| TraceError::Gzip(error.to_string()))?;
            return Self::from_plain_csv(&text);
        }
        Self::from_plain_csv(bytes)
    }

    fn from_plain_csv(bytes: &[u8]) -> Result<Self, TraceError> {
        if bytes.len() as u64 > BYTES_MAX {
            return Err(TraceError::TooLarge);
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let mut trace = Self::default();
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            let more = reader.read_record(&mut record).map_err(|error| TraceError::Csv {
                line,
                what: error.to_string(),
            })?;
            if !more {
                break;
            }
            trace.add_record(record.position().map_or(line, csv::Position::line), &record)?;
        }
        if trace.is_empty() || trace.row_length == 0 {
            Err(TraceError::Empty)
        } else {
            Ok(trace)
        }
    }

    fn add_record(&mut self, line: u64, record: &csv::StringRecord) -> Result<(), TraceError> {
        let mut fields = record.iter();
        let name = fields.next().unwrap_or_default().to_owned();
        let before = self.samples.len();
        for (index, field) in fields.enumerate() {
            let value = field.trim().parse().ok().filter(|percent| *percent <= 100);
            let sample = value.ok_or_else(|| TraceError::Value {
                line,
                column: index + 2,
                value: field.to_owned(),
            })?;
            self.samples.push(sample);
        }
        self.close_row(line, name, before)
    }

    fn close_row(&mut self, line: u64, name: String, before: usize) -> Result<(), TraceError> {
        let found = self.samples.len() - before;
        if self.names.is_empty() {
            self.row_length = found;
        } else if found != self.row_length {
            return Err(TraceError::Ragged {
                line,
                found,
                expected: self.row_length,
            });
        }
        self.names.push(name);
        Ok(())
    }

    /// Gathers a folder of files, a sample on each line, in byte order of their names.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, TraceError> {
        let mut files: Vec<(String, String)> = files.into_iter().collect();
        files.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        let mut trace = Self::default();
        for (name, text) in files {
            let before = trace.samples.len();
            for (index, field) in text.lines().enumerate() {
                let value = field.trim().parse().ok().filter(|percent| *percent <= 100);
                let line = index as u64 + 1;
                trace.samples.push(value.ok_or_else(|| TraceError::Value {
                    line,
                    column: 1,
                    value: format!("{field} (in {name})"),
                })?);
            }
            trace.close_row(1, name, before)?;
        }
        if trace.is_empty() || trace.row_length == 0 {
            Err(TraceError::Empty)
        } else {
            Ok(trace)
        }
    }

    /// Writes CSV.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("vm_name");
        for sample in 0..self.row_length {
            // Writing into a text can't fail.
            let _ = write!(text, ",u{sample}");
        }
        text.push('\n');
        for (index, name) in self.names.iter().enumerate() {
            text.push_str(&name.replace(['"', ',', '\n', '\r'], "_"));
            for sample in self.row(index) {
                let _ = write!(text, ",{sample}");
            }
            text.push('\n');
        }
        text
    }

    /// Writes gzipped CSV; the same trace gives the same bytes.
    pub fn to_csv_gz(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(self.to_csv().as_bytes())?;
        encoder.finish()
    }

    /// Mean and standard deviation of all samples, in percent (population form).
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        let count = self.samples.len().max(1) as f64;
        let sum: u64 = self.samples.iter().map(|sample| u64::from(*sample)).sum();
        let squares: u64 = self
            .samples
            .iter()
            .map(|sample| u64::from(*sample) * u64::from(*sample))
            .sum();
        let mean = sum as f64 / count;
        (mean, (squares as f64 / count - mean * mean).max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "vm_name,u0,u1\na,0,100\nb,7,8\n";

    #[test]
    fn a_trace_is_read_and_written_alike() {
        let trace = Trace::from_csv(TEXT.as_bytes()).expect("a trace");
        assert_eq!((trace.len(), trace.row(1)), (2, &[7, 8][..]));
        assert_eq!(trace.to_csv(), TEXT);
        let packed = trace.to_csv_gz().expect("in memory");
        assert_eq!(Trace::from_csv(&packed), Ok(trace));
    }

    #[test]
    fn a_wrong_value_is_told_with_its_place() {
        let error = |text: &str| Trace::from_csv(text.as_bytes()).expect_err("wrong").to_string();
        assert_eq!(
            error("n,u0\na,101\n"),
            "line 2, column 2: `101` is not a whole percentage from 0 to 100"
        );
        assert_eq!(
            error("n,u0\na,1\nb,1,2\n"),
            "line 3: 2 samples, but the rows before have 1"
        );
        assert_eq!(error("n,u0\n"), "the trace has no rows");
        assert!(Trace::from_csv(&[0x1f, 0x8b, 0]).is_err());
    }

    #[test]
    fn a_folder_is_gathered_in_byte_order() {
        let files = [
            ("b".to_owned(), "1\n2\n".to_owned()),
            ("a".to_owned(), "3\n4".to_owned()),
        ];
        let trace = Trace::from_files(files).expect("a trace");
        assert_eq!(
            (trace.names.join(""), trace.samples),
            ("ab".to_owned(), vec![3, 4, 1, 2])
        );
    }
}
