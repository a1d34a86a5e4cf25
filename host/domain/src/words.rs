//! How a closed list of words becomes a type: each word once, beside what it means.

/// A word of a closed list, as it is stored, configured and shown.
pub trait Word: Sized {
    /// What a word of the list is, for messages: `no … of this name`.
    const WHAT: &'static str;

    /// The one with this name.
    fn of(name: &str) -> Option<Self>;

    /// Its name.
    fn word(&self) -> &'static str;

    /// The names of all of them.
    fn names() -> Vec<&'static str>;
}

/// Makes an enum without data of a list of words: `ALL`, `as_str`, `parse`, `Display` and [`Word`].
macro_rules! words {
    ($what:literal: $(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            $vis const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Stable name for storage, configuration and display.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one with this name.
            $vis fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.as_str() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::words::Word for $name {
            const WHAT: &'static str = $what;

            fn of(name: &str) -> Option<Self> {
                Self::parse(name)
            }

            fn word(&self) -> &'static str {
                self.as_str()
            }

            fn names() -> Vec<&'static str> {
                Self::ALL.map(Self::as_str).to_vec()
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    words! {
        "fruit":
        /// Something to eat.
        enum Fruit {
            /// Red or green.
            Apple = "apple",
            /// Blue or yellow.
            Plum = "plum",
        }
    }

    #[test]
    fn words_read_back_as_themselves_and_no_other_is_known() {
        assert_eq!(Fruit::ALL.map(Fruit::as_str), ["apple", "plum"]);
        for fruit in Fruit::ALL {
            assert_eq!(Fruit::parse(&fruit.to_string()), Some(fruit));
        }
        assert_eq!(Fruit::parse("Apple"), None);
    }
}
