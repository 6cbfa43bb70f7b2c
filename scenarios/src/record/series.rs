//! Time series: sampled levels of the run, one column layout for both bodies.

/// One value of one metric of one entity at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since the start.
    pub t_s: f64,
    /// Index into [`Series::entities`].
    pub entity: u32,
    /// Index into [`Series::metrics`].
    pub metric: u16,
    /// The value, in the metric's unit.
    pub value: f64,
}

/// All samples of a run, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Names of entities: `total`, `host:n1`, `vm:sql01`.
    pub entities: Vec<String>,
    /// Names of metrics: `power_w`, `cores_parked`, `utilisation`, `hosts_active`, `vms_running`, `net_bps`, …
    pub metrics: Vec<String>,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The number of a metric, given one if it is new.
    pub fn metric(&mut self, name: &str) -> u16 {
        index_or_push(&mut self.metrics, name) as u16
    }

    /// The number of an entity, given one if it is new.
    pub fn entity(&mut self, name: &str) -> u32 {
        index_or_push(&mut self.entities, name) as u32
    }

    /// The (seconds, value) points of one metric of one entity.
    pub fn points(&self, entity: &str, metric: &str) -> Vec<(f64, f64)> {
        let entity = self.entities.iter().position(|name| name == entity);
        let metric = self.metrics.iter().position(|name| name == metric);
        let (Some(entity), Some(metric)) = (entity, metric) else {
            return Vec::new();
        };
        let wanted =
            |sample: &&Sample| sample.entity as usize == entity && usize::from(sample.metric) == metric;
        self.samples
            .iter()
            .filter(wanted)
            .map(|sample| (sample.t_s, sample.value))
            .collect()
    }
}

fn index_or_push(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}
