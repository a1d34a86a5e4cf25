//! The strict reader of YAML frontmatter that host and gates share.
//!
//! A machine verdict is read from here and from nowhere else, so everything that makes YAML ambiguous is
//! refused: several documents, anchors and aliases, tags, merge keys, duplicate keys. Size, depth and
//! node count are bounded. What the keys mean is not known here.

mod error;
mod read;
mod value;
mod write;

pub use error::Error;
pub use read::{
    BYTES_MAX, DEPTH_MAX, Document, FRONTMATTER_BYTES_MAX, NODES_MAX, parse, parse_yaml,
};
pub use value::{Mapping, Value};
pub use write::render_scalar;

#[cfg(test)]
mod tests;
