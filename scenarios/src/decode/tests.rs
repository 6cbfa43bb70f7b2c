//! One small declaration of every form, decoded and described.

use serde_json::json;

use super::*;
use crate::fault::SourceId;
use crate::units::Bytes;
use crate::yaml::parse;

crate::words! {
    /// A colour.
    pub enum Colour {
        /// As blood.
        Red = "red",
        /// As the sky.
        Blue = "blue",
    }
}

crate::spec! {
    /// A part.
    pub struct PartSpec {
        /// How large.
        size: Bytes => default(Bytes::GIB),
    }
}

crate::variants! {
    /// A deed.
    pub enum Deed {
        /// Paints.
        Paint(PartSpec) = "paint",
        /// Cuts.
        Cut(PartSpec) = "cut",
    }
}

crate::spec! {
    /// A thing.
    pub struct ThingSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// How many.
        count: u32 [1, 10] => default(1),
        /// Its colour.
        colour: Colour => optional,
        /// Its parts.
        parts: PartSpec => list,
        /// Its main part.
        main: PartSpec => group,
        /// What happens to it.
        deeds: Deed => list,
    }
}

fn decode(text: &str) -> (Option<ThingSpec>, Vec<Fault>) {
    let (node, faults) = parse(text, SourceId(0)).expect("valid YAML");
    let mut decoder = Decoder {
        faults,
        ..Decoder::default()
    };
    let thing = ThingSpec::decode(&node, &mut decoder);
    (thing, decoder.faults)
}

#[test]
fn absent_keys_take_their_defaults() {
    let (thing, faults) = decode("name: x\ndeeds: [paint, {cut: {size: 1KiB}}]");
    assert_eq!(faults, []);
    let thing = thing.expect("no faults");
    assert_eq!(
        (thing.count, thing.colour, thing.main.size),
        (1, None, Bytes::GIB)
    );
    assert_eq!(thing.deeds[0], Deed::Paint(PartSpec { size: Bytes::GIB }));
    assert_eq!(thing.deeds[1], Deed::Cut(PartSpec { size: Bytes(1024) }));
}

#[test]
fn every_fault_is_reported_at_once() {
    let (thing, faults) =
        decode("nmae: x\ncount: 11\ncolour: rde\nparts: [{size: 3}, {size: big}]\nmain: 7\n");
    let thing = thing.expect("the rest can still be looked at");
    assert_eq!((thing.parts.len(), thing.count), (2, 1));
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|fault| (fault.path.as_str(), fault.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("nmae", "unknown key `nmae`"),
            ("count", "11 is out of range"),
            ("colour", "`rde` is not known here"),
            ("parts[0].size", "`3` is not a size"),
            ("parts[1].size", "`big` is not a size"),
            ("main", "a text stands where a map of keys should"),
        ]
    );
    assert_eq!(faults[0].help.as_deref(), Some("did you mean `name`?"));
}

#[test]
fn the_schema_says_what_the_decoder_takes() {
    let mut book = SchemaBook::default();
    ThingSpec::schema(&mut book);
    let thing = &book.definitions["ThingSpec"];
    assert_eq!(thing["required"], json!(["name"]));
    assert_eq!(
        thing["properties"]["count"]["description"],
        "How many. From 1 to 10."
    );
    assert_eq!(thing["properties"]["count"]["default"], "1");
    assert_eq!(book.definitions["Colour"]["oneOf"][1]["const"], "blue");
}
