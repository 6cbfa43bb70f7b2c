//! The recipes of the manual, `docs/src/howto.md`, carried out as they stand: files are written, commands run, and what they print is looked for.

use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../docs/src/howto.md");

/// What stands between two fences.
struct Block {
    language: String,
    text: String,
}

/// The blocks of a recipe, in their order.
fn blocks(recipe: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = recipe.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let inner = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(Block {
            language: language.to_owned(),
            text: inner.fold(String::new(), |text, line| text + line + "\n"),
        });
    }
    blocks
}

/// A file is named by the comment on its first line.
fn write(folder: &Path, text: &str) {
    let (first, rest) = text.split_once('\n').expect("several lines");
    let name = first.strip_prefix("# ").expect("a comment that names the file");
    let is_csv = Path::new(name).extension().is_some_and(|end| end == "csv");
    fs::write(folder.join(name), if is_csv { rest } else { text }).expect("writes");
}

/// Runs commands as a shell does, each of which must succeed; returns what they print.
fn run(folder: &Path, commands: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_twinrack"))
        .parent()
        .expect("a folder");
    let paths = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-euc", commands])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("PATH", format!("{}:{paths}", programs.display()))
        .output()
        .expect("a shell");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}\n{printed}\n{told}");
    printed
}

/// The lines are there, or begin so, one after the other; `…` stands for any others.
fn is_shown(printed: &str, wanted: &str) {
    let mut lines = printed.lines();
    let mut skips = false;
    for wanted in wanted.lines() {
        if wanted == "…" {
            skips = true;
            continue;
        }
        let fits = |line: &&str| line.starts_with(wanted);
        let found = if skips {
            lines.find(fits)
        } else {
            lines.next().filter(fits)
        };
        assert!(found.is_some(), "no line {wanted:?} in its place in\n{printed}");
        skips = false;
    }
}

#[test]
fn every_recipe_does_what_it_says() {
    let recipes: Vec<&str> = PAGE.split("\n## ").skip(1).collect();
    assert!(recipes.len() >= 10, "the page was not understood");
    for recipe in recipes {
        let folder = tempfile::tempdir().expect("a folder");
        let mut printed = String::new();
        for block in blocks(recipe) {
            match block.language.as_str() {
                "yaml" | "csv" => write(folder.path(), &block.text),
                "sh" => printed = run(folder.path(), &block.text),
                "text" => is_shown(&printed, &block.text),
                other => panic!("a block of {other:?}"),
            }
        }
    }
}

#[test]
fn a_recipe_that_shows_what_is_not_printed_is_found() {
    is_shown("one\ntwo\nthree\n", "one\n…\nthree\n");
    for wrong in ["two\n", "…\nfour\n", "three\n…\none\n"] {
        let found = std::panic::catch_unwind(|| is_shown("one\ntwo\nthree\n", wrong));
        assert!(found.is_err(), "{wrong}");
    }
}
