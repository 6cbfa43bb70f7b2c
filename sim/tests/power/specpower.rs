//! 619 published curves: what each way to describe a curve by fewer numbers gets wrong, and how well lines between points
//! foretell a point that was left out.

use super::approximations::{fan, idle_and_line, idle_and_parabola, linear, through};
use super::curves::{Published, of_the_library, published};
use super::tables::{in_manual, percent, table, verdict};

/// Mean error allowed at points that were not used.
const GATE: f64 = 0.02;

type Model = Box<dyn Fn(&Published) -> [f64; 11]>;

/// Relative errors of a model at the eleven points.
fn errors(curve: &Published, model: &Model) -> [f64; 11] {
    let watts = model(curve);
    std::array::from_fn(|step| (watts[step] / curve.watts[step] - 1.0).abs())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The quantile by nearest rank.
fn quantile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent).div_ceil(100).max(1) - 1]
}

/// The value in the middle, or the mean of the two that are.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

fn models() -> Vec<(&'static str, Model, &'static [usize])> {
    const FIVE: [usize; 5] = [0, 1, 4, 7, 10];
    vec![
        ("line from idle to full load", Box::new(linear), &[0, 10]),
        ("Fan et al., r = 1.4", Box::new(fan), &[0, 10]),
        (
            "idle, line from 10 to 100 %",
            Box::new(idle_and_line),
            &[0, 1, 10],
        ),
        (
            "idle, parabola through 10, 50, 100 %",
            Box::new(idle_and_parabola),
            &[0, 1, 5, 10],
        ),
        (
            "lines through 0, 10, 50, 100 %",
            Box::new(|curve| through(curve, &[0, 1, 5, 10])),
            &[0, 1, 5, 10],
        ),
        (
            "lines through 0, 10, 40, 70, 100 %",
            Box::new(|curve| through(curve, &FIVE)),
            &FIVE,
        ),
        (
            "all eleven points",
            Box::new(|curve| through(curve, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])),
            &[],
        ),
    ]
}

/// What each model gets wrong of some curves, as the manual shows it.
fn models_of(curves: &[Published]) -> String {
    let rows: Vec<Vec<String>> = models()
        .iter()
        .map(|(name, model, used)| {
            let all: Vec<[f64; 11]> = curves.iter().map(|curve| errors(curve, model)).collect();
            let worst = |errors: &[f64; 11]| errors.iter().copied().fold(0.0, f64::max);
            let (told, gate) = if used.is_empty() {
                ("-".to_owned(), "-".to_owned())
            } else {
                let error = at_points_not_used(curves, model, used);
                (percent(error), verdict(error, GATE))
            };
            vec![
                (*name).to_owned(),
                percent(mean(all.iter().flatten().copied())),
                percent(mean(all.iter().map(worst))),
                percent(quantile(all.iter().map(worst).collect(), 95)),
                told,
                gate,
            ]
        })
        .collect();
    let header = [
        "model",
        "mean error",
        "worst point, mean",
        "worst point, p95",
        "at points not used",
        "gate 2 %",
    ];
    table(&header, &rows)
}

fn at_points_not_used(curves: &[Published], model: &Model, used: &[usize]) -> f64 {
    let left_out = |curve: &Published| {
        let errors = errors(curve, model);
        (0..errors.len())
            .filter(|step| !used.contains(step))
            .map(move |step| errors[step])
    };
    mean(curves.iter().flat_map(left_out))
}

#[test]
fn fewer_numbers_than_eleven() {
    let Some(curves) = published() else { return };
    in_manual("models of curves", &models_of(&curves));
}

/// The same for the curves that the library quotes with their sources, which are always at hand.
#[test]
fn fewer_numbers_than_eleven_for_the_hosts_of_the_library() {
    let curves = of_the_library();
    assert!(curves.len() > 30, "{} curves", curves.len());
    let (_, model, used) = models().remove(5);
    let error = at_points_not_used(&curves, &model, used);
    assert!(error <= GATE, "five knots miss by {}", percent(error));
    in_manual("models of the library's curves", &models_of(&curves));
}

#[test]
fn a_point_left_out() {
    let Some(curves) = published() else { return };
    let mut rows = Vec::new();
    for step in 1..10 {
        let left: Vec<usize> = (0..11).filter(|other| *other != step).collect();
        let model: Model = Box::new(move |curve| through(curve, &left));
        let error = mean(curves.iter().map(|curve| errors(curve, &model)[step]));
        rows.push(vec![
            format!("{step}0 % from its neighbours"),
            percent(error),
            verdict(error, GATE),
        ]);
    }
    let line = mean(curves.iter().map(|curve| {
        let [_, at, next, after, ..] = curve.watts;
        ((2.0 * next - after) / at - 1.0).abs()
    }));
    rows.push(vec![
        "10 % from the line through 20 and 30 %".to_owned(),
        percent(line),
        verdict(line, GATE),
    ]);
    in_manual(
        "a point left out",
        &table(&["point", "mean error", "gate 2 %"], &rows),
    );
}

#[test]
fn the_drop_at_idle_by_year() {
    let Some(curves) = published() else { return };
    let periods = [
        (2006, 2009),
        (2010, 2011),
        (2012, 2013),
        (2014, 2017),
        (2018, 2019),
        (2020, 2021),
        (2022, 2023),
    ];
    let rows: Vec<Vec<String>> = periods
        .iter()
        .map(|(from, to)| {
            let of_years: Vec<&Published> = curves
                .iter()
                .filter(|curve| (*from..=*to).contains(&curve.year))
                .collect();
            let drop = |curve: &&Published| {
                let points = curve.through(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
                points.idle_drop() / points.peak()
            };
            let model: Model = Box::new(linear);
            vec![
                format!("{from}-{to}"),
                of_years.len().to_string(),
                percent(median(of_years.iter().map(drop).collect())),
                percent(median(
                    of_years
                        .iter()
                        .map(|curve| curve.watts[0] / curve.watts[10])
                        .collect(),
                )),
                percent(mean(of_years.iter().flat_map(|curve| errors(curve, &model)))),
            ]
        })
        .collect();
    let header = [
        "available",
        "systems",
        "drop at idle / peak, median",
        "idle / peak, median",
        "error of a line, mean",
    ];
    in_manual("the drop at idle", &table(&header, &rows));
}
