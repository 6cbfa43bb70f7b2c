//! Slurm: a sweep as an array of jobs, one for each shard, and a job after them that merges.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// How often a shard is tried on its node before its task fails.
pub const TRIES: u32 = 3;

/// Two batch scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripts {
    /// The array: each task runs the shard of its number.
    pub array: String,
    /// The merge, after the array.
    pub merge: String,
}

/// Jobs that were handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// Number of the array.
    pub array: String,
    /// Number of the merge.
    pub merge: String,
}

/// A word of a shell command, quoted.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn line(program: &str, arguments: &[String]) -> String {
    arguments.iter().fold(quoted(program), |mut line, argument| {
        let _ = write!(line, " {}", quoted(argument));
        line
    })
}

impl Scripts {
    /// The scripts of a sweep in `folder`, whose shards are `program` with `arguments` and `--shard`.
    pub fn of(program: &str, arguments: &[String], folder: &Path, shards: u32) -> Self {
        let folder = folder.display().to_string();
        let head = format!(
            "#!/bin/bash\n#SBATCH --job-name=twinrack-sweep\n#SBATCH --output={folder}/slurm-%x-%A-%a.log\n"
        );
        let shard = line(program, arguments);
        let array = format!(
            "{head}#SBATCH --array=1-{shards}\n#SBATCH --ntasks=1\n#SBATCH --requeue\n\
             for try in $(seq {TRIES}); do\n  \
             {shard} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\" && exit 0\n  \
             echo \"try $try of shard $SLURM_ARRAY_TASK_ID failed\" >&2\n\
             done\nexit 1\n"
        );
        let merge = line(program, &["sweep".to_owned(), "merge".to_owned(), folder]);
        Self {
            array,
            merge: format!("{head}#SBATCH --ntasks=1\nexec {merge}\n"),
        }
    }
}

/// Why a sweep could not be handed in.
#[derive(Debug, thiserror::Error)]
#[error(
    "{command}: {what}\n = help: Slurm's `sbatch` must be on the PATH of a machine that may hand jobs in"
)]
pub struct SlurmError {
    command: String,
    what: String,
}

/// Hands both scripts in: the merge waits for every task of the array, however it ends, and says what is missing.
pub fn submit(array: &Path, merge: &Path, wait: bool) -> Result<Jobs, SlurmError> {
    let array = sbatch(&["--parsable".to_owned(), array.display().to_string()])?;
    let mut arguments = vec!["--parsable".to_owned(), format!("--dependency=afterany:{array}")];
    arguments.extend(wait.then(|| "--wait".to_owned()));
    arguments.push(merge.display().to_string());
    let merge = sbatch(&arguments)?;
    Ok(Jobs { array, merge })
}

/// Runs `sbatch`, and gives the number of the job.
fn sbatch(arguments: &[String]) -> Result<String, SlurmError> {
    let error = |what: String| SlurmError {
        command: format!("sbatch {}", arguments.join(" ")),
        what,
    };
    let output = Command::new("sbatch")
        .args(arguments)
        .output()
        .map_err(|failure| error(failure.to_string()))?;
    if !output.status.success() {
        return Err(error(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    // `number` or `number;cluster`.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_its_shard_and_words_are_quoted() {
        let arguments = ["sweep", "it's.yaml", "--seeds", "0..8"].map(ToOwned::to_owned);
        let scripts = Scripts::of("/bin/twinrack", &arguments, Path::new("/tmp/a b"), 16);
        let wanted = r#"'/bin/twinrack' 'sweep' 'it'\''s.yaml' '--seeds' '0..8' --shard "$SLURM_ARRAY_TASK_ID/16" && exit 0"#;
        assert!(scripts.array.contains(wanted), "{}", scripts.array);
        assert!(scripts.array.contains("#SBATCH --array=1-16\n"));
        assert!(
            scripts
                .merge
                .ends_with("exec '/bin/twinrack' 'sweep' 'merge' '/tmp/a b'\n"),
            "{}",
            scripts.merge
        );
    }
}
