//! How bad a CVSS vector is: versions 2, 3.x and 4.0, base metrics.

use orch_domain::verdict::Severity;

/// The score of a vector and what it means; none if it is none that can be scored.
pub(super) fn of_vector(vector: &str) -> Option<(Severity, f64)> {
    let score = if vector.starts_with("CVSS:4") {
        let vector: cvss::v4::Vector = vector.parse().ok()?;
        cvss::v4::Score::from(&vector).value()
    } else if vector.starts_with("CVSS:3") {
        // Temporal and environmental metrics say more of a place than of the defect.
        let base: Vec<&str> = vector.split('/').take(9).collect();
        base.join("/")
            .parse::<cvss::v3::Base>()
            .ok()?
            .score()
            .value()
    } else if let Ok(number) = vector.parse::<f64>() {
        number
    } else {
        version_2(vector)?
    };
    let severity = match score {
        s if !(0.0..=10.0).contains(&s) => return None,
        0.0 => Severity::Info,
        s if s < 4.0 => Severity::Low,
        s if s < 7.0 => Severity::Medium,
        s if s < 9.0 => Severity::High,
        _ => Severity::Critical,
    };
    Some((severity, score))
}

/// Base score of a version 2 vector, by the equation of its guide (§3.2.1).
fn version_2(vector: &str) -> Option<f64> {
    let text = vector.trim_start_matches('(').trim_end_matches(')');
    let metric = |name: &str, values: &[(&str, f64)]| {
        let value = text
            .split('/')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix(':'))?;
        values
            .iter()
            .find(|(v, _)| *v == value)
            .map(|(_, number)| *number)
    };
    let damage = [("N", 0.0), ("P", 0.275), ("C", 0.66)];
    let [confidentiality, integrity, availability] =
        ["C", "I", "A"].map(|name| metric(name, &damage));
    let vector = metric("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?;
    let complexity = metric("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?;
    let authentication = metric("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let impact =
        10.41 * (1.0 - (1.0 - confidentiality?) * (1.0 - integrity?) * (1.0 - availability?));
    let exploitability = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * factor;
    Some((score * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_version_have_their_published_scores() {
        for (vector, severity, score) in [
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Severity::High, 7.5),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", Severity::Critical, 10.0),
            ("AV:L/AC:H/Au:N/C:N/I:N/A:P", Severity::Low, 1.2),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                Severity::Critical,
                9.8,
            ),
            (
                "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
                Severity::Medium,
                6.1,
            ),
            (
                "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H/E:P",
                Severity::Medium,
                5.9,
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Severity::Critical,
                9.3,
            ),
            ("8.1", Severity::High, 8.1),
        ] {
            assert_eq!(of_vector(vector), Some((severity, score)), "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for vector in [
            "",
            "HIGH",
            "11",
            "-1",
            "NaN",
            "CVSS:3.1/AV:X",
            "CVSS:4.0/",
            "AV:N/AC:L",
        ] {
            assert_eq!(of_vector(vector), None, "{vector}");
        }
    }
}
