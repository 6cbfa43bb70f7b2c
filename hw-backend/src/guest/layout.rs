//! Where everything lies in a guest's memory, and the words of its control blocks.
//!
//! ```text
//! 0x0000_1000  GDT              0x0001_0000  PML4 (two, for context switches), PDPT, window PD
//! 0x0000_2000  IDT              0x0002_0000  control blocks, one page for each vCPU
//! 0x0000_3000  handlers         0x0004_0000  page tables of the windows, four for each vCPU
//! 0x0000_4000  the program      0x0008_0000  page directories, one for each GiB
//! 0x0000_8000  TSS, I/O bitmap  0x0020_0000  page tables of all memory, where it is mapped by 4 KiB
//! 0x0000_c000  stack's top      then, at the next 2 MiB: what devices need, and data
//! ```

use twinrack_scenario::units::Bytes;

/// The port a guest rings when it wants something; the values are [`bell`]'s.
pub const DOORBELL: u8 = 0x10;
/// The port that the handlers write an exception's number to.
pub const EXCEPTION: u8 = 0x11;

/// What a guest writes to the doorbell.
pub mod bell {
    /// The program has begun.
    pub const READY: u32 = 1;
    /// It sleeps for the ticks in its control block.
    pub const SLEEP: u32 = 2;
    /// It wants the translations of its window forgotten: what `INVLPG` does at CPL 0.
    pub const FLUSH: u32 = 3;
    /// It wants the other address space: what `MOV CR3` does at CPL 0.
    pub const SWITCH: u32 = 4;
    /// It wants the block of its disk that its control block names.
    pub const DISK: u32 = 5;
    /// It has bytes to send.
    pub const NETWORK: u32 = 6;
}

pub(super) const GDT: u64 = 0x1000;
pub(super) const IDT: u64 = 0x2000;
pub(super) const HANDLERS: u64 = 0x3000;
pub(super) const CODE: u64 = 0x4000;
pub(super) const CODE_MAX: usize = 0x4000;
pub(super) const TSS: u64 = 0x8000;
pub(super) const STACK_TOP: u64 = 0xc000;
/// The two top-level tables: alike in content, so that switching between them changes nothing but CR3.
pub const PML4: [u64; 2] = [0x1_0000, 0x1_1000];
pub(super) const PDPT: u64 = 0x1_2000;
pub(super) const WINDOW_PD: u64 = 0x1_3000;
pub(super) const CONTROL: u64 = 0x2_0000;
pub(super) const WINDOW_TABLES: u64 = 0x4_0000;
pub(super) const DIRECTORIES: u64 = 0x8_0000;
pub(super) const TABLES: u64 = 0x20_0000;
/// Guest-virtual address of the first window: entry 256 of the PDPT, far above all memory.
pub(super) const WINDOWS: u64 = 256 << 30;

/// Most virtual processors.
pub const VCPUS_MAX: u32 = 16;
/// Most memory: 16 page directories.
pub const MEMORY_MAX: Bytes = Bytes(16 << 30);
/// Least memory: tables and 4 MiB of data.
pub const MEMORY_MIN: Bytes = Bytes(8 << 20);
/// Pages of a vCPU's window.
pub const WINDOW_PAGES: u64 = 4 * 512;
/// Most classes of pages.
pub const CLASSES_MAX: usize = 16;

const LARGE_PAGE: u64 = 2 << 20;

/// How a guest maps its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestPages {
    /// By pages of 4 KiB.
    Small,
    /// By pages of 2 MiB.
    Large,
}

/// Address of a vCPU's control block.
pub const fn control(vcpu: u32) -> u64 {
    CONTROL + vcpu as u64 * 0x1000
}

/// Address of the page-table entries of a vCPU's window.
pub(super) const fn window_entries(vcpu: u32) -> u64 {
    WINDOW_TABLES + vcpu as u64 * WINDOW_PAGES * 8
}

/// Guest-virtual address of a vCPU's window.
pub(super) const fn window(vcpu: u32) -> u64 {
    WINDOWS + vcpu as u64 * WINDOW_PAGES * Bytes::PAGE.0
}

/// Where data begins.
pub const fn data(memory: Bytes, pages: GuestPages) -> u64 {
    let tables = match pages {
        GuestPages::Small => memory.0.div_ceil(LARGE_PAGE) * Bytes::PAGE.0,
        GuestPages::Large => 0,
    };
    (TABLES + tables).next_multiple_of(LARGE_PAGE)
}

/// Words of a control block: offsets in bytes.
pub mod word {
    /// Ticks of a period.
    pub const PERIOD: i32 = 0x00;
    /// Ticks that a period may begin late and still be caught up with.
    pub const SLACK: i32 = 0x08;
    /// Ticks of each period that the processor is kept busy.
    pub const BURN: i32 = 0x10;
    /// How many classes of pages there are.
    pub const CLASSES: i32 = 0x18;
    /// The node that the walk has reached.
    pub const WALK_AT: i32 = 0x20;
    /// Steps of the walk in each period, in 2⁻³²; the fraction kept is in the next word. So for all rates.
    pub const WALK_RATE: i32 = 0x28;
    /// Page-table entries filled and touched in each period.
    pub const FILL_RATE: i32 = 0x38;
    /// The next entry of the window to fill.
    pub const FILL_NEXT: i32 = 0x48;
    /// Entries of the window that are used.
    pub const FILL_COUNT: i32 = 0x50;
    /// Where the window's entries are.
    pub const FILL_ENTRIES: i32 = 0x58;
    /// Where the window is.
    pub const FILL_WINDOW: i32 = 0x60;
    /// What the first entry of the window is filled with.
    pub const FILL_TARGET: i32 = 0x68;
    /// Page-table entries rewritten, not touched, in each period.
    pub const REWRITE_RATE: i32 = 0x70;
    /// The next entry to rewrite.
    pub const REWRITE_NEXT: i32 = 0x80;
    /// How many entries are rewritten, one after the other.
    pub const REWRITE_COUNT: i32 = 0x88;
    /// Where the first of them is.
    pub const REWRITE_ENTRIES: i32 = 0x90;
    /// Address-space switches in each period.
    pub const SWITCH_RATE: i32 = 0x98;

    /// Counted by the guest: page writes begun.
    pub const HEARTBEAT: i32 = 0x100;
    /// Periods done.
    pub const PASSES: i32 = 0x108;
    /// Periods that began later than the one after them should have.
    pub const MISSED: i32 = 0x110;
    /// Times that the deadline was out of all bounds and was set anew.
    pub const RESYNCS: i32 = 0x118;
    /// Times that the time-stamp counter had gone back.
    pub const BACKWARDS: i32 = 0x120;
    /// The page being written, 0 between writes.
    pub const INTENT: i32 = 0x128;
    /// Steps walked.
    pub const WALKED: i32 = 0x130;
    /// Entries filled and touched.
    pub const FILLED: i32 = 0x138;
    /// Entries rewritten.
    pub const REWRITTEN: i32 = 0x140;
    /// Address-space switches asked for.
    pub const SWITCHES: i32 = 0x148;
    /// When the next period is due.
    pub const DEADLINE: i32 = 0x150;
    /// Ticks it wants to sleep.
    pub const SLEEP: i32 = 0x158;
    /// State of its random numbers; never 0.
    pub const RANDOM: i32 = 0x160;
    /// Ticks at the start of the last period.
    pub const LAST: i32 = 0x168;
    /// Most ticks between the starts of two periods: what the guest saw of its longest pause.
    pub const LONGEST: i32 = 0x170;
    /// Counted by the guest: turns of the loop that it burns its time in.
    pub const BURNED: i32 = 0x178;

    /// Where the classes begin.
    pub const CLASS: i32 = 0x400;
    /// Bytes of a class.
    pub const CLASS_SIZE: i32 = 0x40;
    /// In a class: address of its first page.
    pub const CLASS_BASE: i32 = 0x00;
    /// In a class: how many pages.
    pub const CLASS_PAGES: i32 = 0x08;
    /// In a class: page writes in each period.
    pub const CLASS_RATE: i32 = 0x10;
    /// In a class: the next page, for a sequential one.
    pub const CLASS_CURSOR: i32 = 0x20;
    /// In a class: 0 for sequential, 1 for random.
    pub const CLASS_PATTERN: i32 = 0x28;

    /// Words of a data page that the writer keeps: how often it was written.
    pub const PAGE_COUNT: i32 = 0x00;
    /// The heartbeat of the last write.
    pub const PAGE_STAMP: i32 = 0x08;
    /// `count * PAGE_FACTOR ^ stamp ^ address`.
    pub const PAGE_CHECK: i32 = 0x10;
    /// Where the walk goes on from this page.
    pub const PAGE_NEXT: i32 = 0x40;
    /// An odd constant with its bits well spread: 2⁶⁴ / φ.
    pub const PAGE_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
}

/// Words of a control block that are about the guest's disk.
pub mod disk {
    /// Blocks read in each period; as all rates, with its fraction behind it.
    pub const READ_RATE: i32 = 0x180;
    /// Blocks written in each period.
    pub const WRITE_RATE: i32 = 0x190;
    /// The first block that this processor uses.
    pub const FIRST: i32 = 0x1a0;
    /// How many it uses.
    pub const BLOCKS: i32 = 0x1a8;
    /// Where the generation of the first is remembered.
    pub const TABLE: i32 = 0x1b0;
    /// The page for a block.
    pub const BUFFER: i32 = 0x1b8;
    /// The number that the guest signs its blocks with.
    pub const OWNER: i32 = 0x1c0;
    /// Writes that were on the disk when the guest was made.
    pub const BASE: i32 = 0x1c8;

    /// Counted by the guest: blocks read.
    pub const READS: i32 = 0x1d0;
    /// Blocks written.
    pub const WRITES: i32 = 0x1d8;
    /// Blocks read that did not hold what was written.
    pub const WRONG: i32 = 0x1e0;
    /// What it asks for.
    pub const REQUEST: i32 = 0x1e8;
    /// Which block it asks for.
    pub const BLOCK: i32 = 0x1f0;

    /// What a guest asks of its disk.
    pub mod request {
        /// Nothing.
        pub const NONE: u64 = 0;
        /// To have a block read into the page.
        pub const READ: u64 = 1;
        /// To have the page written into a block.
        pub const WRITE: u64 = 2;
    }
}

/// Words of a control block that are about what the guest sends; the first processor sends it all.
pub mod net {
    /// How many streams there are.
    pub const COUNT: i32 = 0x200;
    /// The pages for a chunk.
    pub const BUFFER: i32 = 0x208;
    /// Which stream has bytes, counted from 1; 0 for none.
    pub const REQUEST: i32 = 0x210;
    /// The position of the first of them.
    pub const AT: i32 = 0x218;
    /// How many there are.
    pub const LENGTH: i32 = 0x220;
    /// The host's answer: which position is wanted next.
    pub const REPLY: i32 = 0x228;

    /// Where the streams begin.
    pub const STREAM: i32 = 0x800;
    /// Bytes of a stream.
    pub const STREAM_SIZE: i32 = 0x40;
    /// In a stream: words in each period; as all rates, with its fraction behind it.
    pub const RATE: i32 = 0x00;
    /// In a stream: the next byte.
    pub const POSITION: i32 = 0x10;
    /// In a stream: what its words begin from.
    pub const SEED: i32 = 0x18;
    /// In a stream: its place among them, counted from 1.
    pub const INDEX: i32 = 0x20;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps() {
        assert!(control(VCPUS_MAX) <= WINDOW_TABLES);
        assert!(window_entries(VCPUS_MAX) <= DIRECTORIES);
        const { assert!(DIRECTORIES + (MEMORY_MAX.0 >> 30) * 0x1000 <= TABLES) };
        // The windows lie within the first PD of their GiB.
        assert!(window(VCPUS_MAX) - WINDOWS <= 1 << 30);
        assert!(
            u64::from(word::CLASS.unsigned_abs())
                + CLASSES_MAX as u64 * u64::from(word::CLASS_SIZE.unsigned_abs())
                <= u64::from(net::STREAM.unsigned_abs())
        );
        assert!(
            u64::from(net::STREAM.unsigned_abs())
                + super::super::network::STREAMS_MAX as u64 * u64::from(net::STREAM_SIZE.unsigned_abs())
                <= 0x1000
        );
        // 1 GiB: 512 tables of 4 KiB are 2 MiB, so data begins at 4 MiB; without tables at 2 MiB.
        assert_eq!(data(Bytes::GIB, GuestPages::Small), 4 << 20);
        assert_eq!(data(Bytes::GIB, GuestPages::Large), 2 << 20);
    }
}
