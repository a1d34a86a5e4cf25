//! How is something asked of the host? Method, path, what is sent and what comes back, said once for the server that
//! answers and the client that asks.

use std::marker::PhantomData;

/// What an endpoint does with the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Looks, and changes nothing.
    Get,
    /// Gives an order.
    Post,
}

impl Method {
    /// Its name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Where the request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// In the query of the address.
    InQuery,
    /// In the body, as JSON.
    InBody,
}

/// An endpoint that takes a `Q` and answers with an `A`. Its path has `N` places for names, in braces.
#[derive(Debug)]
pub struct Endpoint<const N: usize, Q, A> {
    /// Whether it looks or orders.
    pub method: Method,
    /// Where its request stands.
    pub sent: Sent,
    /// Path with places, such as `/tasks/{item}/why`.
    pub path: &'static str,
    types: PhantomData<fn(Q) -> A>,
}

impl<const N: usize, Q, A> Endpoint<N, Q, A> {
    /// An endpoint that looks; its request is the query.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn get(path: &'static str) -> Self {
        Self::new(Method::Get, Sent::InQuery, path)
    }

    /// An endpoint that orders; its request is the body.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn post(path: &'static str) -> Self {
        Self::new(Method::Post, Sent::InBody, path)
    }

    /// An endpoint that orders; its request is the query.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn post_by_query(path: &'static str) -> Self {
        Self::new(Method::Post, Sent::InQuery, path)
    }

    const fn new(method: Method, sent: Sent, path: &'static str) -> Self {
        assert!(places(path) == N, "the path has another number of places");
        Self {
            method,
            sent,
            path,
            types: PhantomData,
        }
    }

    /// The path with `names` in its places, each as `escape` writes it.
    pub fn path_of(&self, names: [&str; N], escape: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        let mut names = names.into_iter();
        for part in self.path.split_inclusive('/') {
            let (name, slash) = part.strip_suffix('/').map_or((part, ""), |p| (p, "/"));
            let place = name.starts_with('{').then(|| names.next()).flatten();
            match place {
                Some(given) => path.push_str(&escape(given)),
                None => path.push_str(name),
            }
            path.push_str(slash);
        }
        path
    }
}

const fn places(path: &str) -> usize {
    let (bytes, mut at, mut count) = (path.as_bytes(), 0, 0);
    while at < bytes.len() {
        if bytes[at] == b'{' {
            count += 1;
        }
        at += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_their_places_escaped_and_in_order() {
        const OF_TWO: Endpoint<2, (), ()> = Endpoint::get("/a/{first}/b/{second}");
        let path = OF_TWO.path_of(["x/y", "{z}"], |name| name.replace('/', "%2F"));
        assert_eq!(path, "/a/x%2Fy/b/{z}");
        const OF_NONE: Endpoint<0, (), ()> = Endpoint::get("/a");
        assert_eq!(OF_NONE.path_of([], str::to_owned), "/a");
    }
}
