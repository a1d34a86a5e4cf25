//! How is something asked of the host? Method, path, who may, what is sent and what comes back, said once for the server
//! that answers and the client that asks.

use std::marker::PhantomData;

use orch_domain::person::PersonRole;

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
    /// What whoever asks has to be at least; none if everybody may ask.
    pub least: Option<PersonRole>,
    /// Path with places, such as `/tasks/{item}/why`.
    pub path: &'static str,
    types: PhantomData<fn(Q) -> A>,
}

impl<const N: usize, Q, A> Endpoint<N, Q, A> {
    /// An endpoint that looks, for every person; its request is the query.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn get(path: &'static str) -> Self {
        Self::new(Method::Get, Sent::InQuery, Some(PersonRole::Viewer), path)
    }

    /// [`Endpoint::get`] for persons who are `least` at least.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn get_by(least: PersonRole, path: &'static str) -> Self {
        Self::new(Method::Get, Sent::InQuery, Some(least), path)
    }

    /// [`Endpoint::get`] for everybody, known or not.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn open(path: &'static str) -> Self {
        Self::new(Method::Get, Sent::InQuery, None, path)
    }

    /// An endpoint that orders, for persons who are `least` at least; its request is the body.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn post(least: PersonRole, path: &'static str) -> Self {
        Self::new(Method::Post, Sent::InBody, Some(least), path)
    }

    /// [`Endpoint::post`] whose request is the query.
    ///
    /// # Panics
    /// While compiling, when the path has another number of places.
    pub const fn post_by_query(least: PersonRole, path: &'static str) -> Self {
        Self::new(Method::Post, Sent::InQuery, Some(least), path)
    }

    const fn new(
        method: Method,
        sent: Sent,
        least: Option<PersonRole>,
        path: &'static str,
    ) -> Self {
        assert!(places(path) == N, "the path has another number of places");
        Self {
            method,
            sent,
            least,
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
