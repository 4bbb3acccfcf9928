//! Which versions answer an app's requests, and which did before: what is kept in `active.json`. It never looks at
//! whether the versions exist.

use orilla_services::clock::UnixMillis;
use serde::{Deserialize, Serialize};

use super::VersionId;
use super::error::VersionError;

/// Versions that share an app's traffic.
pub const MAX_TRAFFIC_VERSIONS: usize = 8;

/// Entries of an app's history; the oldest are dropped.
pub const MAX_HISTORY: usize = 100;

/// Versions that an app's history names last: they are kept however many are newer, so that a rollback finds them.
pub const KEPT_FOR_ROLLBACK: usize = 10;

/// One version's part of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The version.
    pub version: VersionId,
    /// Of a hundred requests, how many it answers: 1 to 100.
    pub percent: u8,
}

/// How an app's requests are split: 1 to [`MAX_TRAFFIC_VERSIONS`] different versions whose percentages make 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Share>")]
pub struct Traffic(Vec<Share>);

impl Traffic {
    /// Everything to one version.
    pub fn only(version: VersionId) -> Self {
        Self(vec![Share { version, percent: 100 }])
    }

    /// The versions with their shares.
    pub fn shares(&self) -> &[Share] {
        &self.0
    }

    /// The part of `version`, 0 if it has none.
    pub fn percent(&self, version: &VersionId) -> u8 {
        self.0.iter().find(|share| share.version == *version).map_or(0, |share| share.percent)
    }

    /// This traffic after `percent` of it has moved to `version`; the others share the rest as they did before, and
    /// those for which less than one percent remains get none.
    ///
    /// # Errors
    /// `TRAFFIC_INVALID`: the percentage is not 1 to 100, nobody would answer the rest, or too many versions share.
    pub fn shifted(&self, version: VersionId, percent: u8) -> Result<Self, VersionError> {
        let mut others: Vec<Share> = self.0.iter().filter(|share| share.version != version).cloned().collect();
        let before: u32 = others.iter().map(|share| u32::from(share.percent)).sum();
        let Some(rest) = 100u8.checked_sub(percent).filter(|_| percent > 0) else {
            return Err(VersionError::TrafficInvalid(format!("{percent} is not 1 to 100 percent")));
        };
        if rest == 0 {
            return Ok(Self::only(version));
        }
        let Some(largest) = (0..others.len()).max_by_key(|&index| others[index].percent) else {
            let message = format!("{version} answers alone, so it gets 100 percent, not {percent}");
            return Err(VersionError::TrafficInvalid(message));
        };
        let mut given = 0;
        for share in &mut others {
            // The quotient is at most `rest`, which is a u8.
            share.percent = (u32::from(share.percent) * u32::from(rest) / before) as u8;
            given += share.percent;
        }
        others[largest].percent += rest - given;
        others.retain(|share| share.percent > 0);
        others.push(Share { version, percent });
        others.try_into()
    }
}

impl TryFrom<Vec<Share>> for Traffic {
    type Error = VersionError;

    fn try_from(shares: Vec<Share>) -> Result<Self, VersionError> {
        let invalid = |message: String| Err(VersionError::TrafficInvalid(message));
        if shares.is_empty() || shares.len() > MAX_TRAFFIC_VERSIONS {
            return invalid(format!("it takes 1 to {MAX_TRAFFIC_VERSIONS} versions, not {}", shares.len()));
        }
        if let Some(share) = shares.iter().find(|share| !(1..=100).contains(&share.percent)) {
            return invalid(format!("{} percent for {}: a share is 1 to 100", share.percent, share.version));
        }
        let total: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
        if total != 100 {
            return invalid(format!("the shares make {total} percent, not 100"));
        }
        let mut versions: Vec<_> = shares.iter().map(|share| &share.version).collect();
        versions.sort_unstable();
        if let Some(pair) = versions.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(format!("{} is named twice", pair[0]));
        }
        Ok(Self(shares))
    }
}

/// When a version began to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The version.
    pub version: VersionId,
    /// Milliseconds since the Unix epoch.
    pub at: UnixMillis,
}

/// The traffic of an app and how it came about: its `active.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// The form of this record; 1 so far.
    pub format: u32,
    /// Who answers now.
    pub traffic: Traffic,
    /// The versions in the order in which they began to answer, the newest last. What was rolled back is not in it.
    pub history: Vec<HistoryEntry>,
}

impl Active {
    /// The first traffic of an app.
    pub fn first(traffic: Traffic, now: UnixMillis) -> Self {
        let mut active = Self { format: 1, history: Vec::new(), traffic };
        let versions: Vec<_> = active.traffic.0.iter().map(|share| share.version.clone()).collect();
        versions.into_iter().for_each(|version| active.note(version, now));
        active
    }

    /// Changes the traffic. Versions that begin to answer enter the history; where none does, those at its end that no
    /// longer answer have been given up, and leave it.
    pub fn change(&mut self, traffic: Traffic, now: UnixMillis) {
        let before = std::mem::replace(&mut self.traffic, traffic);
        let shares = self.traffic.0.iter().filter(|share| before.percent(&share.version) == 0);
        let begun: Vec<_> = shares.map(|share| share.version.clone()).collect();
        if begun.is_empty() {
            while self.history.last().is_some_and(|last| self.traffic.percent(&last.version) == 0) {
                self.history.pop();
            }
        }
        begun.into_iter().for_each(|version| self.note(version, now));
    }

    /// Sends everything to `version` and forgets what came after it, so that the next rollback goes back further.
    pub fn roll_back(&mut self, version: VersionId, now: UnixMillis) {
        self.traffic = Traffic::only(version.clone());
        match self.history.iter().rposition(|entry| entry.version == version) {
            Some(index) => self.history.truncate(index + 1),
            None => self.note(version, now),
        }
    }

    /// What was there before the newest version, the most recent first.
    pub fn earlier(&self) -> impl Iterator<Item = &VersionId> {
        let newest = self.history.last().map(|entry| &entry.version);
        self.history.iter().rev().map(|entry| &entry.version).filter(move |version| Some(*version) != newest)
    }

    /// The versions that rollbacks are to find: the last [`KEPT_FOR_ROLLBACK`] that the history names.
    pub fn kept(&self) -> Vec<&VersionId> {
        let mut kept = Vec::new();
        for HistoryEntry { version, .. } in self.history.iter().rev() {
            if kept.len() < KEPT_FOR_ROLLBACK && !kept.contains(&version) {
                kept.push(version);
            }
        }
        kept
    }

    fn note(&mut self, version: VersionId, at: UnixMillis) {
        if self.history.last().is_none_or(|last| last.version != version) {
            self.history.push(HistoryEntry { version, at });
        }
        let excess = self.history.len().saturating_sub(MAX_HISTORY);
        self.history.drain(..excess);
    }
}
