//! `series.parquet`: the time series in a form that notebooks and databases read: `t_s`, `entity`, `metric`, `value`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use twinrack_scenario::record::{Sample, Series};

use super::{RecordError, broken, io_error};

const SCHEMA: &str = "message series {
    required double t_s;
    required binary entity (UTF8);
    required binary metric (UTF8);
    required double value;
}";

/// Writes series. The same series give the same bytes.
pub fn write(series: &Series, path: &Path) -> Result<(), RecordError> {
    let file = File::create(path).map_err(io_error(path))?;
    write_columns(series, &file).map_err(|error| broken(path, error))?;
    file.sync_all().map_err(io_error(path))
}

fn write_columns(series: &Series, file: &File) -> parquet::errors::Result<()> {
    let properties = WriterProperties::builder()
        .set_created_by("twinrack".to_owned())
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    let samples = &series.samples;
    let bytes = |name: Option<&String>| ByteArray::from(name.map_or("", String::as_str));
    let doubles = |pick: &dyn Fn(&Sample) -> f64| -> Vec<f64> { samples.iter().map(pick).collect() };
    let entities = samples
        .iter()
        .map(|sample| bytes(series.entities.get(sample.entity as usize)))
        .collect();
    let metrics = samples
        .iter()
        .map(|sample| bytes(series.metrics.get(usize::from(sample.metric))))
        .collect();
    let texts: [Option<Vec<ByteArray>>; 4] = [None, Some(entities), Some(metrics), None];
    let numbers = [doubles(&|sample| sample.t_s), doubles(&|sample| sample.value)];
    let mut numbers = numbers.iter();
    for text in texts {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        match text {
            Some(text) => column.typed::<ByteArrayType>().write_batch(&text, None, None)?,
            None => column.typed::<DoubleType>().write_batch(
                numbers.next().map_or(&[], Vec::as_slice),
                None,
                None,
            )?,
        };
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

/// Reads series back.
pub fn read(path: &Path) -> Result<Series, RecordError> {
    let file = File::open(path).map_err(io_error(path))?;
    read_rows(file).map_err(|error| broken(path, error))
}

fn read_rows(file: File) -> parquet::errors::Result<Series> {
    let reader = SerializedFileReader::new(file)?;
    let mut series = Series::default();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let (entity, metric) = (
            series.entity(row.get_string(1)?),
            series.metric(row.get_string(2)?),
        );
        series.samples.push(Sample {
            t_s: row.get_double(0)?,
            entity,
            metric,
            value: row.get_double(3)?,
        });
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_back_and_are_written_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut series = Series::default();
        let (entity, metric) = (series.entity("host:n1"), series.metric("power_w"));
        for step in 0..100 {
            series.samples.push(Sample {
                t_s: f64::from(step),
                entity,
                metric,
                value: 41.2 + f64::from(step),
            });
        }
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        write(&series, &a).expect("writes");
        write(&series, &b).expect("writes");
        assert_eq!(read(&a).expect("reads"), series);
        assert_eq!(
            std::fs::read(&a).expect("there"),
            std::fs::read(&b).expect("there")
        );
    }
}
