//! What a registry holds: tags over all images, which sets are complete, what a moving tag points to, and what runs.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::Error;
use crate::file::{IMAGES, image_of};
use crate::registry::Registry;

/// The tags of one registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Holdings {
    /// The registry and the folder in it.
    pub(crate) registry: String,
    /// Sets by time stamp, newest first.
    pub(crate) sets: Vec<Set>,
    /// Time stamps that are not shown.
    pub(crate) older: usize,
    /// Tags that move, `latest` and the like.
    pub(crate) moving: Vec<Moving>,
}

/// The images under one time stamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Set {
    /// The time stamp.
    pub(crate) tag: String,
    /// Services whose image is not there.
    pub(crate) missing: Vec<&'static str>,
    /// Moving tags that point to these very images.
    pub(crate) also: Vec<String>,
    /// Services that run the image of this set.
    pub(crate) running: Vec<&'static str>,
}

impl Set {
    /// All images are there.
    pub(crate) fn complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// A tag that is no time stamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Moving {
    /// The tag.
    pub(crate) tag: String,
    /// Services that have it.
    pub(crate) images: Vec<&'static str>,
    /// Of every image the time stamp that it points to, where that is shown.
    pub(crate) points_to: BTreeMap<&'static str, String>,
}

impl Moving {
    /// It points to one set, with every image that has it.
    pub(crate) fn set(&self) -> Option<&str> {
        let mut stamps = self.points_to.values();
        let first = stamps.next()?;
        (self.points_to.len() == self.images.len() && stamps.all(|stamp| stamp == first)).then_some(first)
    }
}

/// The services that have an image under each tag.
pub(crate) type Tags = BTreeMap<String, BTreeSet<&'static str>>;

/// The digests that run, by service.
pub(crate) type Running = BTreeMap<&'static str, Vec<String>>;

/// Whether a tag is a time stamp of ours: `YYYYMMDDTHHMMSSZ`.
pub(crate) fn is_stamp(tag: &str) -> bool {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    PrimitiveDateTime::parse(tag, format).is_ok()
}

/// A commit, which is told by the images themselves: not shown as a moving tag.
fn is_commit(tag: &str) -> bool {
    (7..=40).contains(&tag.len()) && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Every tag of every image, by tag.
///
/// # Errors
/// The registry does not answer.
pub(crate) async fn all(registry: &Registry) -> Result<Tags, Error> {
    let lists = try_join_all(IMAGES.map(|service| async move {
        let tags = registry.tags(&image_of(service)).await?;
        Ok::<_, Error>((service, tags))
    }))
    .await?;
    let mut found = Tags::new();
    for (service, tags) in lists {
        for tag in tags {
            found.entry(tag).or_default().insert(service);
        }
    }
    if found.is_empty() {
        return Err(Error::Refused(format!(
            "{} has no image of this platform ({}, ...)",
            registry.place(),
            image_of("flask_app")
        )));
    }
    Ok(found)
}

/// The services that have no image under a tag.
pub(crate) fn missing(tags: &Tags, tag: &str) -> Vec<&'static str> {
    let there = tags.get(tag);
    IMAGES.into_iter().filter(|service| !there.is_some_and(|there| there.contains(service))).collect()
}

/// The complete sets, newest first.
pub(crate) fn complete_stamps(tags: &Tags) -> Vec<&str> {
    let stamps = tags.iter().rev().filter(|(tag, images)| is_stamp(tag) && images.len() == IMAGES.len());
    stamps.map(|(tag, _)| tag.as_str()).collect()
}

/// What a registry holds, with the newest `limit` time stamps.
///
/// # Errors
/// As [`all`].
pub(crate) async fn holdings(
    registry: &Registry,
    running: &Running,
    limit: usize,
) -> Result<Holdings, Error> {
    let tags = all(registry).await?;
    let stamps: Vec<&String> = tags.keys().rev().filter(|tag| is_stamp(tag)).collect();
    let shown = &stamps[..stamps.len().min(limit)];
    let moving: Vec<&String> = tags.keys().filter(|tag| !is_stamp(tag) && !is_commit(tag)).collect();
    let asked = shown.iter().chain(&moving).flat_map(|tag| {
        tags[*tag].iter().map(move |service| async move {
            let digest = registry.digest(&image_of(service), tag).await?;
            Ok::<_, Error>(((tag.as_str(), *service), digest))
        })
    });
    // A few at a time: a registry counts requests.
    let mut digests: BTreeMap<(&str, &'static str), String> = BTreeMap::new();
    let asked: Vec<_> = asked.collect();
    let mut answers = stream::iter(asked).buffer_unordered(8);
    while let Some(answer) = answers.next().await {
        if let (key, Some(digest)) = answer? {
            digests.insert(key, digest);
        }
    }
    let moving: Vec<Moving> = moving
        .iter()
        .map(|tag| Moving {
            tag: (*tag).clone(),
            images: in_order(&tags[*tag]),
            points_to: tags[*tag]
                .iter()
                .filter_map(|service| {
                    let digest = digests.get(&(tag.as_str(), *service))?;
                    let stamp = shown
                        .iter()
                        .find(|stamp| digests.get(&(stamp.as_str(), *service)) == Some(digest))?;
                    Some((*service, (*stamp).clone()))
                })
                .collect(),
        })
        .collect();
    let sets = shown
        .iter()
        .map(|stamp| Set {
            tag: (*stamp).clone(),
            missing: missing(&tags, stamp),
            also: moving
                .iter()
                .filter(|moving| moving.set() == Some(stamp.as_str()))
                .map(|moving| moving.tag.clone())
                .collect(),
            running: IMAGES
                .into_iter()
                .filter(|service| {
                    let digest = digests.get(&(stamp.as_str(), *service));
                    digest.is_some_and(|digest| running.get(service).is_some_and(|run| run.contains(digest)))
                })
                .collect(),
        })
        .collect();
    let registry = registry.place().to_string();
    Ok(Holdings { registry, sets, older: stamps.len() - shown.len(), moving })
}

fn in_order(services: &BTreeSet<&'static str>) -> Vec<&'static str> {
    IMAGES.into_iter().filter(|service| services.contains(service)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_sets_with_a_time_stamp_can_be_gone_back_to() {
        let mut tags = Tags::new();
        for tag in ["20261101T000000Z", "20261103T000000Z", "latest", "20261131T000000Z"] {
            tags.insert(tag.to_owned(), BTreeSet::from(IMAGES));
        }
        tags.insert("20261102T000000Z".to_owned(), BTreeSet::from(["nginx"]));
        assert_eq!(complete_stamps(&tags), ["20261103T000000Z", "20261101T000000Z"]);
        assert_eq!(missing(&tags, "20261102T000000Z").len(), 5);
        assert_eq!(missing(&tags, "nowhere").len(), 6);
        assert!(is_commit("1a2b3c4d5e6f") && !is_commit("latest") && !is_commit("1.2.0"));
    }
}
