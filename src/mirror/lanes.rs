//! MD5 of several files at once, each in its own lane of a vector.
//!
//! Every step of MD5 waits for the one before it, and no processor has an instruction for it: one file leaves most of a
//! core idle, eight files side by side fill it. Plain arrays, which the compiler makes vectors of; a processor with AVX2
//! is found at run time, any other runs the same code on what it has.

use std::array;
use std::io::{self, BufRead, ErrorKind, Read};

use md5::{Digest, Md5};
use multiversion::multiversion;

/// Files that are digested side by side: the 32-bit words of an AVX2 register.
///
/// Sixteen, in two registers a value, are no faster on an AMD EPYC, and a group that is waited for would be longer.
pub const LANES: usize = 8;

/// What MD5 takes at once.
const BLOCK_BYTES: usize = 64;
type Block = [u8; BLOCK_BYTES];
/// One word of each lane.
type Words = [u32; LANES];

/// RFC 1321, 3.3: the state before the first block.
const BEGINNING: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// RFC 1321, 3.4: how far each step of a round rotates; the four repeat.
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
/// RFC 1321, 3.4: the whole part of 4294967296 times the sine of each step's number, counted from one.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The MD5 of each message, in their order.
///
/// Any number of any length: a lane whose message has ended takes the next one. A single message has nothing to share
/// the lanes with and goes faster by itself.
pub fn md5_of_each<M: BufRead>(messages: Vec<M>) -> io::Result<Vec<[u8; 16]>> {
    if messages.len() == 1 {
        return messages.into_iter().map(md5_of).collect();
    }
    let mut digests = vec![[0; 16]; messages.len()];
    let mut waiting = messages.into_iter().enumerate();
    let mut state = State::default();
    let mut lanes: [Option<Lane<M>>; LANES] = array::from_fn(|_| None);
    loop {
        for (number, lane) in lanes.iter_mut().enumerate() {
            if let Some(ended) = lane.take_if(|lane| lane.has_ended()) {
                digests[ended.message] = state.digest(number);
            }
            if lane.is_none() {
                *lane = waiting.next().map(|(message, source)| Lane::new(message, source));
                state.begin(number);
            }
        }
        if !advance(&mut state, &mut lanes)? {
            return Ok(digests);
        }
    }
}

/// The MD5 of one message.
pub(super) fn md5_of(message: impl BufRead) -> io::Result<[u8; 16]> {
    let mut md5 = Md5::new();
    feed(&mut md5, message)?;
    Ok(md5.finalize().into())
}

/// Hands a message on to its end.
pub(super) fn feed(md5: &mut Md5, mut message: impl BufRead) -> io::Result<()> {
    while available(&mut message)? > 0 {
        let bytes = message.fill_buf()?;
        md5.update(bytes);
        let length = bytes.len();
        message.consume(length);
    }
    Ok(())
}

/// Takes as many blocks of each lane as all lanes have at hand; was there one with a message?
fn advance<M: BufRead>(state: &mut State, lanes: &mut [Option<Lane<M>>; LANES]) -> io::Result<bool> {
    let mut blocks: [&[Block]; LANES] = [&[]; LANES];
    for (lane, blocks) in lanes.iter_mut().zip(&mut blocks) {
        if let Some(lane) = lane {
            *blocks = lane.blocks()?;
        }
    }
    let at_hand = blocks.into_iter().filter(|blocks| !blocks.is_empty());
    let Some(shortest) = at_hand.min_by_key(|blocks| blocks.len()) else { return Ok(false) };
    // a lane without a message goes along with another one; nobody asks for its digest
    state.update(blocks.map(|blocks| if blocks.is_empty() { shortest } else { blocks }), shortest.len());
    let taken = shortest.len();
    lanes.iter_mut().flatten().for_each(|lane| lane.consume(taken));
    Ok(true)
}

/// Bytes of a message that are at hand; none at its end.
fn available(message: &mut impl BufRead) -> io::Result<usize> {
    loop {
        match message.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            filled => return filled.map(<[u8]>::len),
        }
    }
}

/// A message on its way through a lane.
struct Lane<M> {
    /// Its place among the messages.
    message: usize,
    source: M,
    length_bytes: u64,
    /// Blocks that do not lie whole in the source's buffer; at the end the last ones, padded.
    gathered: Vec<u8>,
    is_padded: bool,
}

impl<M: BufRead> Lane<M> {
    fn new(message: usize, source: M) -> Self {
        Self { message, source, length_bytes: 0, gathered: Vec::new(), is_padded: false }
    }

    fn has_ended(&self) -> bool {
        self.is_padded && self.gathered.is_empty()
    }

    /// The next blocks, at least one.
    fn blocks(&mut self) -> io::Result<&[Block]> {
        if self.gathered.is_empty() && available(&mut self.source)? < BLOCK_BYTES {
            self.gather()?;
        }
        let bytes = if self.gathered.is_empty() { self.source.fill_buf()? } else { &self.gathered };
        Ok(bytes.as_chunks().0)
    }

    fn consume(&mut self, blocks: usize) {
        let bytes = blocks * BLOCK_BYTES;
        if self.gathered.is_empty() {
            self.source.consume(bytes);
            self.length_bytes += bytes as u64;
        } else {
            self.gathered.drain(..bytes);
        }
    }

    /// Puts a block together from what the source gives piece by piece; after the last byte the padding follows.
    fn gather(&mut self) -> io::Result<()> {
        let found = (&mut self.source).take(BLOCK_BYTES as u64).read_to_end(&mut self.gathered)?;
        self.length_bytes += found as u64;
        if found < BLOCK_BYTES {
            self.pad();
        }
        Ok(())
    }

    /// RFC 1321, 3.1 and 3.2: one bit, zeros, and in the last eight bytes the length in bits.
    fn pad(&mut self) {
        let length_bits = self.length_bytes.wrapping_mul(8).to_le_bytes();
        self.gathered.push(0x80);
        let whole = (self.gathered.len() + length_bits.len()).next_multiple_of(BLOCK_BYTES);
        self.gathered.resize(whole - length_bits.len(), 0);
        self.gathered.extend(length_bits);
        self.is_padded = true;
    }
}

/// The four words of MD5, of every lane.
struct State([Words; 4]);

impl Default for State {
    fn default() -> Self {
        Self(BEGINNING.map(|word| [word; LANES]))
    }
}

impl State {
    /// Sets a lane to the beginning of a message.
    fn begin(&mut self, lane: usize) {
        self.0.iter_mut().zip(BEGINNING).for_each(|(words, beginning)| words[lane] = beginning);
    }

    fn digest(&self, lane: usize) -> [u8; 16] {
        let words = self.0.map(|words| words[lane].to_le_bytes());
        array::from_fn(|byte| words[byte / 4][byte % 4])
    }

    /// Takes so many blocks of each lane.
    fn update(&mut self, lanes: [&[Block]; LANES], blocks: usize) {
        let mut words = [[0; LANES]; 16];
        for number in 0..blocks {
            spread(lanes.map(|blocks| &blocks[number]), &mut words);
            compress(&mut self.0, &words);
        }
    }
}

/// Puts the first word of all blocks side by side, then the second, and so on.
///
/// Not inlined: where the compiler sees it together with the arithmetic, both come out at a third of the speed.
#[inline(never)]
fn spread(blocks: [&Block; LANES], words: &mut [Words; 16]) {
    for (lane, block) in blocks.into_iter().enumerate() {
        for (words, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            words[lane] = u32::from_le_bytes(*bytes);
        }
    }
}

/// The 64 steps of RFC 1321, 3.4, on one block of each lane.
#[multiversion(targets("x86_64+avx2"))]
fn compress(state: &mut [Words; 4], block: &[Words; 16]) {
    let mut now = *state;
    // written out, since the compiler does not unroll a loop of this length and then takes three times as long
    macro_rules! steps {
        ($($number:literal)*) => {$( step::<$number>(&mut now, block); )*};
    }
    steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    steps!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    for (before, now) in state.iter_mut().flatten().zip(now.into_iter().flatten()) {
        *before = before.wrapping_add(now);
    }
}

/// One step; which word it sets moves back by one from step to step.
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]
#[inline(always)]
fn step<const NUMBER: usize>(state: &mut [Words; 4], block: &[Words; 16]) {
    let [before, x, y, z] = array::from_fn(|word| state[(64 - NUMBER + word) % 4]);
    let round = NUMBER / 16;
    let word = &block[match round {
        0 => NUMBER,
        1 => 5 * NUMBER + 1,
        2 => 3 * NUMBER + 5,
        _ => 7 * NUMBER,
    } % 16];
    let target = &mut state[(64 - NUMBER) % 4];
    for lane in 0..LANES {
        let (x, y, z) = (x[lane], y[lane], z[lane]);
        let mixed = match round {
            0 => z ^ (x & (y ^ z)),
            1 => y ^ (z & (x ^ y)),
            2 => x ^ y ^ z,
            _ => y ^ (x | !z),
        };
        let sum = before[lane].wrapping_add(word[lane].wrapping_add(SINES[NUMBER])).wrapping_add(mixed);
        target[lane] = sum.rotate_left(ROTATIONS[round][NUMBER % 4]).wrapping_add(x);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Bytes that no other message of a test has.
    fn message(number: usize, length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 + number * 17 + at / 251).to_le_bytes()[0]).collect()
    }

    fn by_md5_crate(messages: &[Vec<u8>]) -> Vec<[u8; 16]> {
        messages.iter().map(|message| Md5::digest(message).into()).collect()
    }

    fn in_lanes(messages: &[Vec<u8>]) -> Vec<[u8; 16]> {
        md5_of_each(messages.iter().map(Vec::as_slice).collect()).unwrap()
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        // RFC 1321, A.5
        let messages = ["", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz"];
        let digests = [
            0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128,
            0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661,
            0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72,
            0xf96b_697d_7cb7_938d_525a_2f31_aaf1_61d0,
            0xc3fc_d3d7_6192_e400_7dfb_496c_ca67_e13b,
        ];

        let found = md5_of_each(messages.map(str::as_bytes).to_vec()).unwrap();

        assert_eq!(found, digests.map(u128::to_be_bytes));
    }

    #[test]
    fn every_length_around_the_ends_of_blocks_is_digested_as_by_the_md5_crate() {
        let messages: Vec<_> = (0..=260).map(|length| message(length, length)).collect();

        assert_eq!(in_lanes(&messages), by_md5_crate(&messages));
    }

    #[test]
    fn any_number_of_messages_is_digested_in_its_order() {
        for count in 0..=3 * LANES {
            let messages: Vec<_> = (0..count).map(|number| message(number, 1000)).collect();

            assert_eq!(in_lanes(&messages), by_md5_crate(&messages), "{count} messages");
        }
    }

    #[test]
    fn a_source_that_cannot_be_read_ends_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("torn"))
            }
        }

        let (whole, broken) = (message(1, 1000), BufReader::new(Broken));
        let messages: Vec<Box<dyn BufRead>> = vec![Box::new(whole.as_slice()), Box::new(broken)];

        assert_eq!(md5_of_each(messages).unwrap_err().to_string(), "torn");
    }

    /// Gives its bytes in pieces of a length that fits no block, and is interrupted before each.
    struct InPieces<'a> {
        left: &'a [u8],
        piece: usize,
        is_interrupted: bool,
    }

    impl Read for InPieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let most = self.piece.min(buffer.len());
            self.left.read(&mut buffer[..most])
        }
    }

    proptest! {
        #[test]
        fn messages_of_any_lengths_are_digested_as_by_the_md5_crate(
            lengths in vec(0_usize..5000, 0..3 * LANES), piece in 1_usize..200, capacity in 1_usize..300,
        ) {
            let messages: Vec<_> =
                lengths.iter().enumerate().map(|(number, length)| message(number, *length)).collect();
            let pieces = messages.iter().map(|message| {
                BufReader::with_capacity(capacity, InPieces { left: message, piece, is_interrupted: false })
            });

            prop_assert_eq!(in_lanes(&messages), by_md5_crate(&messages));
            prop_assert_eq!(md5_of_each(pieces.collect()).unwrap(), by_md5_crate(&messages));
        }
    }
}
