//! How a description and a verdict lie in a guest's memory by the canonical ABI.
//!
//! Offsets follow from `wit/0.1.0`: a record's parts in order, each at its alignment; a variant's tag
//! first. Only what guests return is written here; what they are given they read themselves.

use orch_domain::verdict::{Decision, Descriptor, Finding, Inconclusive, Scalar, Verdict};

/// Bytes that lie at a fixed address of a guest's memory. The value asked for begins at that address.
pub(crate) struct Image {
    base: u32,
    bytes: Vec<u8>,
}

impl Image {
    fn new(base: u32, size: usize) -> Self {
        Self {
            base,
            bytes: vec![0; size],
        }
    }

    /// The image as the escaped text of a data segment.
    pub(crate) fn escaped(&self) -> String {
        self.bytes.iter().map(|b| format!("\\{b:02x}")).collect()
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_u32(&mut self, at: usize, value: usize) {
        let value = u32::try_from(value).expect("an image is far smaller than 4 GiB");
        self.put(at, &value.to_le_bytes());
    }

    /// Room for `size` more bytes, aligned for every type; answers its place in the image.
    fn more(&mut self, size: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(at + size, 0);
        at
    }

    /// Writes pointer and length of something that lies at `place` of the image.
    fn slice(&mut self, at: usize, place: usize, length: usize) {
        let base = self.base as usize;
        self.put_u32(at, base + place);
        self.put_u32(at + 4, length);
    }

    fn text(&mut self, at: usize, text: &str) {
        let place = self.more(text.len());
        self.put(place, text.as_bytes());
        self.slice(at, place, text.len());
    }
}

/// A `descriptor` at `base`.
pub(crate) fn descriptor(base: u32, about: &Descriptor) -> Image {
    let mut image = Image::new(base, 68);
    image.text(0, &about.name);
    image.text(8, &about.version);
    image.text(16, &about.summary);
    image.text(24, &about.status_key);
    image.text(32, &about.status_pass);
    image.text(40, &about.status_fail);
    if let Some(artefact) = &about.artefact {
        image.put(48, &[1]);
        image.text(52, artefact);
    }
    image.text(60, &about.settings_schema);
    image
}

/// A `result<verdict, gate-error>` at `base`. An error's reason must be one of the contract's three.
pub(crate) fn answer(base: u32, answer: &Result<Verdict, Inconclusive>) -> Image {
    let mut image = Image::new(base, 56);
    match answer {
        Ok(verdict) => put_verdict(&mut image, verdict),
        Err(error) => {
            use orch_domain::verdict::InconclusiveReason as Reason;
            let tag = [
                Reason::Misconfigured,
                Reason::Unavailable,
                Reason::Internal,
            ]
            .iter()
            .position(|reason| *reason == error.reason)
            .expect("a gate can only say misconfigured, unavailable or internal");
            image.put(0, &[1]);
            image.put(8, &tag.to_le_bytes()[..1]);
            image.text(12, &error.detail);
        }
    }
    image
}

/// A `list<string>` at `base`.
pub(crate) fn texts(base: u32, list: &[&str]) -> Image {
    let mut image = Image::new(base, 8);
    let place = image.more(list.len() * 8);
    for (index, text) in list.iter().enumerate() {
        image.text(place + index * 8, text);
    }
    image.slice(0, place, list.len());
    image
}

fn put_verdict(image: &mut Image, verdict: &Verdict) {
    let tag = match verdict.decision {
        Decision::Pass => 0,
        Decision::Fail => 1,
        Decision::Wait { after_ms } => {
            image.put(16, &after_ms.to_le_bytes());
            2
        }
        Decision::NotApplicable => 3,
    };
    image.put(8, &[tag]);
    image.text(24, &verdict.summary);
    let fields = image.more(verdict.fields.len() * 24);
    for (index, (key, value)) in verdict.fields.iter().enumerate() {
        let at = fields + index * 24;
        image.text(at, key);
        put_scalar(image, at + 8, value);
    }
    image.slice(32, fields, verdict.fields.len());
    let findings = image.more(verdict.findings.len() * 56);
    for (index, finding) in verdict.findings.iter().enumerate() {
        put_finding(image, findings + index * 56, finding);
    }
    image.slice(40, findings, verdict.findings.len());
    image.text(48, &verdict.report);
}

fn put_scalar(image: &mut Image, at: usize, value: &Scalar) {
    let tag = match value {
        Scalar::Text(text) => {
            image.text(at + 8, text);
            0
        }
        Scalar::Integer(number) => {
            image.put(at + 8, &number.to_le_bytes());
            1
        }
        Scalar::Number(number) => {
            image.put(at + 8, &number.to_le_bytes());
            2
        }
        Scalar::Flag(flag) => {
            image.put(at + 8, &[u8::from(*flag)]);
            3
        }
    };
    image.put(at, &[tag]);
}

fn put_finding(image: &mut Image, at: usize, finding: &Finding) {
    image.text(at, &finding.rule);
    // The severities are declared in the contract's order.
    image.put(at + 8, &[finding.severity as u8]);
    image.text(at + 12, &finding.message);
    if let Some(path) = &finding.path {
        image.put(at + 20, &[1]);
        image.text(at + 24, path);
        if let Some(line) = finding.line {
            image.put(at + 32, &[1]);
            image.put(at + 36, &line.to_le_bytes());
        }
    }
    if let Some(help) = &finding.help {
        image.put(at + 40, &[1]);
        image.text(at + 44, help);
    }
    image.put(at + 52, &[u8::from(finding.blocking)]);
}
