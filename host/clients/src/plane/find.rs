//! What is there, for whoever writes the configuration: who the key belongs to, projects, states.

use orch_domain::port::{PortError, PortFailure};
use serde_json::json;

use super::budget::Urgency;
use super::call::Api;
use super::shape::{Me, ProjectRow, StateRow};
use crate::SecretPlace;
use crate::http::ClientError;

/// Asks a workspace what there is.
#[derive(Debug)]
pub struct Finder {
    api: Api,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFound {
    /// Their id.
    pub id: String,
    /// The name that others see.
    pub name: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProject {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its work items are called, before their number.
    pub identifier: String,
}

/// A state of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundState {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Plane's own group: `backlog`, `unstarted`, `started`, `completed` or `cancelled`.
    pub group: String,
}

/// What a workspace has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The user who owns the key.
    pub me: PersonFound,
    /// The projects that this user sees.
    pub projects: Vec<FoundProject>,
}

impl Finder {
    /// Sets up the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new(url: &str, workspace: &str, key: SecretPlace) -> Result<Self, ClientError> {
        let source = format!("Plane at {url}");
        Ok(Self {
            api: Api::new(source, url, workspace, key, 60)?,
        })
    }

    /// Who the key belongs to, and what they see.
    ///
    /// # Errors
    /// [`PortError`] in Plane's own words.
    pub async fn look(&self) -> Result<Found, PortError> {
        let me = self.api.whoami().await?;
        let rows = self.api.list(Urgency::State, "projects/", &[]).await;
        let rows: Vec<ProjectRow> = rows.map_err(|error| match error.failure {
            // The key was taken a moment ago: it is the workspace that is not there, or not for this user.
            PortFailure::Unauthorised => self.api.refused(format!(
                "it shows `{}` no such workspace; the workspace is named as in its address, and that user has to be a member of it",
                me.display_name
            )),
            _ => error,
        })?;
        let project = |row: ProjectRow| FoundProject {
            id: row.id,
            name: row.name,
            identifier: row.identifier,
        };
        Ok(Found {
            me: PersonFound {
                id: me.id,
                name: me.display_name,
            },
            projects: rows.into_iter().map(project).collect(),
        })
    }

    /// The members of a project, by name; none if this server does not list them.
    pub async fn members(&self, project: &str) -> Vec<PersonFound> {
        let path = format!("projects/{project}/members/");
        let rows: Result<Vec<Me>, PortError> = self.api.get(Urgency::State, &path, &[]).await;
        let person = |row: Me| PersonFound {
            id: row.id,
            name: row.display_name,
        };
        let mut members: Vec<PersonFound> =
            rows.unwrap_or_default().into_iter().map(person).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// The states of a project.
    ///
    /// # Errors
    /// [`PortError`] in Plane's own words.
    pub async fn states(&self, project: &str) -> Result<Vec<FoundState>, PortError> {
        let path = format!("projects/{project}/states/");
        let rows: Vec<StateRow> = self.api.list(Urgency::State, &path, &[]).await?;
        let state = |row: StateRow| FoundState {
            id: row.id,
            name: row.name,
            group: row.group,
        };
        Ok(rows.into_iter().map(state).collect())
    }

    /// Makes a state and answers its id; one of that name is found instead.
    ///
    /// # Errors
    /// [`PortError`] in Plane's own words.
    pub async fn make_state(
        &self,
        project: &str,
        name: &str,
        group: &str,
        colour: &str,
    ) -> Result<String, PortError> {
        let path = format!("projects/{project}/states/");
        let new = json!({"name": name, "group": group, "color": colour});
        self.api.create(Urgency::State, &path, &new).await
    }
}
