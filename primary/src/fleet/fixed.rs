//! The hosts that `--secondary` names.

use super::member::{self, Member};

/// The hosts of a list of `NAME=URL`. The error is one line for the one who configured it.
pub fn members(list: &[String]) -> Result<Vec<Member>, String> {
    // An empty variable, as compose files leave it, is no host.
    list.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(parse).collect()
}

fn parse(text: &str) -> Result<Member, String> {
    let (name, url) = text
        .split_once('=')
        .ok_or_else(|| format!("--secondary {text:?}: write NAME=URL, as in web1=http://10.0.0.1:8001"))?;
    if let Some(flaw) = member::flaw(name) {
        return Err(format!("--secondary {text:?}: {flaw}: write NAME=URL"));
    }
    let url = member::base(url).map_err(|why| {
        format!(
            "--secondary {name}: the URL {url:?} {why}: write http://HOST:PORT, as in http://10.0.0.1:8001"
        )
    })?;
    Ok(Member { name: Some(name.to_owned()), url })
}
