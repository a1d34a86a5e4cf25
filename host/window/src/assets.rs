//! What do pages bring besides themselves? Styles, scripts and the mark, in the program, compressed once; the address of
//! each holds its digest, so that a browser keeps it for ever and never has an old one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::text::short;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// One of them.
struct Asset {
    plain: Cow<'static, [u8]>,
    compressed: Vec<u8>,
    digest: String,
    kind: &'static str,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let named = Files::iter().filter_map(|path| {
        let file = Files::get(&path)?;
        let name = path.rsplit('/').next()?.to_owned();
        let digest = hex::encode(file.metadata.sha256_hash());
        let asset = Asset {
            compressed: compressed(&file.data),
            plain: file.data,
            digest,
            kind: kind(&name)?,
        };
        Some((name, asset))
    });
    named.collect()
});

/// Where an asset is; its name alone if there is none, which a test refuses.
pub(crate) fn address(name: &str) -> String {
    let digest = ASSETS.get(name).map(|asset| short(&asset.digest));
    format!("/ui/assets/{}/{name}", digest.unwrap_or_default())
}

/// Answers an asset, whatever version is asked for: there is one.
pub(crate) async fn answer(
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = ASSETS.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let says = |header, what: &str| {
        let value = headers.get(header).and_then(|v| v.to_str().ok());
        value.is_some_and(|value| value.contains(what))
    };
    let etag = format!("\"{}\"", asset.digest);
    // Kept for ever under the address that holds its digest, and asked for again under any other.
    let keep = if asset.digest.starts_with(&version) && version.len() >= 10 {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let common = [
        (ETAG, etag.clone()),
        (CACHE_CONTROL, keep.to_owned()),
        (VARY, "accept-encoding".to_owned()),
    ];
    if says(IF_NONE_MATCH, &etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(CONTENT_TYPE, asset.kind)];
    if says(ACCEPT_ENCODING, "gzip") {
        let encoding = [(CONTENT_ENCODING, "gzip")];
        return (common, kind, encoding, asset.compressed.clone()).into_response();
    }
    (common, kind, asset.plain.to_vec()).into_response()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes what is written")
}

/// The type of a file; none for what no page brings.
fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit('.').next()? {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest script of all pages together, compressed: the bar is 250 KiB.
    const SCRIPT_BYTES_MAX: usize = 250 * 1024;

    #[test]
    fn vendored_files_are_what_they_say() {
        let pinned = [(
            "htmx-4.0.1.min.js",
            "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
        )];
        for (name, digest) in pinned {
            assert_eq!(ASSETS[name].digest, digest, "{name}");
        }
    }

    #[test]
    fn scripts_are_small() {
        let scripts = ASSETS.iter().filter(|(name, _)| name.ends_with(".js"));
        let bytes: usize = scripts.map(|(_, asset)| asset.compressed.len()).sum();
        assert!((1..SCRIPT_BYTES_MAX).contains(&bytes), "{bytes}");
    }

    #[tokio::test]
    async fn asset_is_kept_by_its_digest_and_compressed_for_who_wants_it() {
        let path = address("window.css");
        let mut parts = path.rsplit('/');
        let (name, version) = (parts.next().unwrap(), parts.next().unwrap());
        let ask = async |version: &str, headers: HeaderMap| {
            answer(Path((version.to_owned(), name.to_owned())), headers).await
        };
        let plain = ask(version, HeaderMap::new()).await;
        assert!(
            plain.headers()[CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let etag = plain.headers()[ETAG].clone();
        let mut again = HeaderMap::new();
        again.insert(IF_NONE_MATCH, etag);
        assert_eq!(ask(version, again).await.status(), StatusCode::NOT_MODIFIED);
        let mut wants = HeaderMap::new();
        wants.insert(ACCEPT_ENCODING, "br, gzip".parse().unwrap());
        let packed = ask("old", wants).await;
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(packed.headers()[CACHE_CONTROL], "no-cache");
    }
}
