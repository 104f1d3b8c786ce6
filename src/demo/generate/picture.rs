//! The picture of an image: the ellipsoids of a body cut or projected, with noise.

use sha2::{Digest, Sha256};

use super::body::{ABDOMEN, BRAIN, BREASTS, CHEST, Ellipsoid, MAMMOGRAM, NECK, PHANTOM};
use super::modality::Modality;
use super::{Image, sop_instance_uid};

/// The outline of a part in the picture, in pixels from its upper left corner.
struct Outline {
    across: f64,
    down: f64,
    half_width: f64,
    half_height: f64,
    level: f64,
}

impl Image<'_> {
    fn body(&self) -> &'static [Ellipsoid] {
        match self.series.body_part_examined {
            Some("BRAIN") => BRAIN,
            Some("HEADNECK") => NECK,
            Some("PHANTOM") => PHANTOM,
            Some("CHEST" | "LUNG") => CHEST,
            Some("BREAST") if self.modality == Modality::Mg => MAMMOGRAM,
            Some("BREAST") => BREASTS,
            _ => ABDOMEN,
        }
    }

    /// Whether the picture adds up what lies behind each point, rather than showing one slice.
    fn is_projection(&self) -> bool {
        self.modality.is_radiograph() || self.is_scout()
    }

    /// What the picture shows of the part; a part that the slice misses has no size.
    fn outline(&self, part: &Ellipsoid) -> Outline {
        let plane = self.plane();
        let [ct, mr, pt, shadow] = part.tissue.levels();
        let depth = part.radius[plane.through];
        let distance = (self.offset() - part.centre[plane.through]) / depth;
        let cut = (1.0 - distance * distance).max(0.0).sqrt();
        let (size, level) = match self.modality {
            _ if self.is_projection() => (1.0, shadow * depth),
            Modality::Mr => (cut, mr),
            Modality::Pt => (cut, pt),
            _ => (cut, ct),
        };
        let pixels = f64::from(self.series.columns) / 2.0;
        Outline {
            across: (1.0 + part.centre[plane.across]) * pixels,
            down: part.centre[plane.down] * plane.down_sign * pixels + f64::from(self.series.rows) / 2.0,
            half_width: part.radius[plane.across] * size * pixels,
            half_height: part.radius[plane.down] * size * pixels,
            level,
        }
    }

    /// Half the width of the noise: chosen so that slices of CT and MR deflate by about two, as real ones do.
    fn noise(&self) -> f64 {
        match self.modality {
            _ if self.is_projection() => 8.0,
            Modality::Mr => 23.0,
            Modality::Pt => 30.0,
            _ => 34.0,
        }
    }

    /// The stored values, row by row, in little endian.
    pub(super) fn pixels(&self) -> Vec<u8> {
        let outlines: Vec<_> = self.body().iter().map(|part| self.outline(part)).collect();
        let mut noise = Noise::new(sop_instance_uid(self.series, self.number).as_str(), self.noise());
        let mut line = vec![0.0; usize::from(self.series.columns)];

        let mut bytes = Vec::with_capacity(self.pixel_bytes());
        for row in 0..self.series.rows {
            line.fill(self.modality.background());
            for outline in &outlines {
                if self.is_projection() {
                    outline.shade(&mut line, f64::from(row) + 0.5);
                } else {
                    outline.fill(&mut line, f64::from(row) + 0.5);
                }
            }
            for &level in &line {
                let [low, high] = stored(level + noise.next()).to_le_bytes();
                bytes.push(low);
                bytes.push(high);
            }
        }
        bytes
    }
}

impl Outline {
    fn fill(&self, line: &mut [f64], down: f64) {
        self.covered(line, self.depth(down)).1.fill(self.level);
    }

    /// Adds what a ray finds of the part: most in its middle, nothing at its edge.
    fn shade(&self, line: &mut [f64], down: f64) {
        let depth = self.depth(down);
        let (first, covered) = self.covered(line, depth);
        let mut middle = f64::from(first) + 0.5;
        for level in covered {
            let across = (middle - self.across) / self.half_width;
            *level += self.level * (depth - across * across).max(0.0).sqrt();
            middle += 1.0;
        }
    }

    /// How thick the part is at this height, squared, as a part of its thickest; 0 outside.
    fn depth(&self, down: f64) -> f64 {
        let height = (down - self.down) / self.half_height;
        (1.0 - height * height).max(0.0)
    }

    /// The first column of the part, and what of the line it covers.
    fn covered<'a>(&self, line: &'a mut [f64], depth: f64) -> (u16, &'a mut [f64]) {
        let half_width = self.half_width * depth.sqrt();
        let first = nearest(self.across - half_width);
        let end = usize::from(nearest(self.across + half_width)).min(line.len());
        (first, &mut line[usize::from(first).min(end)..end])
    }
}

/// Noise of a triangular distribution around zero, from a xorshift generator (Marsaglia 2003).
struct Noise {
    state: u64,
    scale: f64,
}

impl Noise {
    fn new(seed: &str, half_width: f64) -> Self {
        let digest = Sha256::digest(seed);
        let bits = digest.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        // A xorshift never leaves the state zero.
        Self { state: bits | 1, scale: half_width / f64::from(u8::MAX) }
    }

    fn next(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let [first, second, ..] = self.state.to_be_bytes();
        (f64::from(first) - f64::from(second)) * self.scale
    }
}

/// Twelve bits, in PT as well, though it declares sixteen.
fn stored(level: f64) -> u16 {
    nearest(level.min(4095.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at both ends"
)]
fn nearest(number: f64) -> u16 {
    (number + 0.5) as u16
}
