//! What is read of the objects of the API. Their forms are those of the Kubernetes API reference:
//! `DaemonSet` of `apps/v1`, `PodList` and `Pod` of `v1`. All other fields are left alone.

use crate::fleet::expected;
use crate::fleet::member;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The nodes for which pods are meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes {
    /// Their names. Secondaries have those of their nodes.
    pub(super) names: BTreeSet<String>,
    /// Nodes for which no pod was made. Nothing says which ones they are.
    pub(super) unnamed: usize,
}

impl Nodes {
    /// The file of `--expected-file`.
    pub(super) fn to_toml(&self) -> String {
        expected::to_toml(self.names.iter().map(String::as_str), self.unnamed)
    }
}

/// Takes the one `kind` alone, so that another object is not taken for one that says nothing.
#[derive(Debug, Deserialize)]
enum IsDaemonSet {
    DaemonSet,
}

/// The same.
#[derive(Debug, Deserialize)]
enum IsPodList {
    PodList,
}

/// A `DaemonSet`.
#[derive(Debug, Deserialize)]
pub(super) struct DaemonSet {
    #[serde(rename = "kind")]
    _kind: IsDaemonSet,
    metadata: Metadata,
    spec: DaemonSetSpec,
    status: DaemonSetStatus,
}

#[derive(Debug, Deserialize)]
struct DaemonSetSpec {
    selector: Selector,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DaemonSetStatus {
    desired_number_scheduled: u32,
    /// None until the controller has looked at it.
    observed_generation: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    uid: String,
    owner_references: Option<Vec<Owner>>,
    /// Of a list: where the next page begins. Empty or left out on the last one.
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    uid: String,
}

impl DaemonSet {
    /// On how many nodes a pod of it should run; None where that is not known yet.
    pub(super) fn count(&self) -> Option<usize> {
        let is_observed = self.status.observed_generation.is_some_and(|generation| generation > 0);
        is_observed.then(|| usize::try_from(self.status.desired_number_scheduled).unwrap_or(usize::MAX))
    }

    /// The `labelSelector` that finds its pods, and perhaps others.
    pub(super) fn label_selector(&self) -> String {
        let labels = self.spec.selector.match_labels.iter().flatten();
        labels.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    }
}

/// A page of a `PodList`.
#[derive(Debug, Deserialize)]
pub(super) struct PodList {
    #[serde(rename = "kind")]
    _kind: IsPodList,
    metadata: Metadata,
    items: Option<Vec<Pod>>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: Metadata,
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    affinity: Option<Affinity>,
}

#[derive(Debug, Default, Deserialize)]
struct PodStatus {
    phase: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Affinity {
    node_affinity: Option<NodeAffinity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeAffinity {
    required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSelector {
    node_selector_terms: Option<Vec<Term>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    match_fields: Option<Vec<Requirement>>,
}

#[derive(Debug, Deserialize)]
struct Requirement {
    key: String,
    operator: String,
    values: Option<Vec<String>>,
}

impl PodList {
    /// How many pods the page has.
    pub(super) fn len(&self) -> usize {
        self.items.as_ref().map_or(0, Vec::len)
    }

    /// Where the next page begins; None on the last one.
    pub(super) fn next(&self) -> Option<&str> {
        self.metadata.next.as_deref().filter(|next| !next.is_empty())
    }

    /// The nodes for which those of its pods are meant that belong to `owner`.
    pub(super) fn nodes(&self, owner: &DaemonSet) -> impl Iterator<Item = String> {
        let pods = self.items.iter().flatten().filter(|pod| pod.is_of(owner) && !pod.is_finished());
        pods.filter_map(Pod::node).filter(|node| member::check_name(node).is_ok()).map(str::to_owned)
    }
}

impl Pod {
    fn is_of(&self, owner: &DaemonSet) -> bool {
        self.metadata.owner_references.iter().flatten().any(|of| of.uid == owner.metadata.uid)
    }

    /// Whether it will not run any more. The controller makes another one in its place, if there
    /// should be one.
    fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Failed" | "Succeeded"))
    }

    /// The node on which it is, or will be. The controller says for which node it has made a pod, and
    /// the scheduler then gives it that node if there is room.
    fn node(&self) -> Option<&str> {
        let named = self.spec.node_name.as_deref().filter(|name| !name.is_empty());
        named.or_else(|| {
            let affinity = self.spec.affinity.as_ref()?.node_affinity.as_ref()?;
            let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
            let mut fields = required
                .node_selector_terms
                .iter()
                .flatten()
                .flat_map(|term| term.match_fields.iter().flatten());
            let meant = fields.find(|field| field.key == "metadata.name" && field.operator == "In")?;
            meant.values.as_ref()?.first().map(String::as_str)
        })
    }
}
