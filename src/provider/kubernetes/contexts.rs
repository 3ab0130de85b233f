//! Which contexts the user's kubeconfig has, read from its files alone: nothing in it is run, nobody is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PATIENCE;
use super::connect::{Asked, merge, paths};
use crate::domain::Fault;

/// One context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its name, as it stands in the file: text from outside.
    pub name: String,
    /// The API server's address, as it stands in the file.
    pub server: Option<String>,
    /// Its namespace, if it names one.
    pub namespace: Option<String>,
    /// Whether it is the current one.
    pub current: bool,
}

/// The contexts of `$KUBECONFIG` or `~/.kube/config`; none if there is no file.
///
/// # Errors
/// A `Local` fault when a file is there and cannot be read.
pub fn contexts(env: &Arc<BTreeMap<String, String>>) -> Result<Vec<Context>, Fault> {
    let asked =
        Asked { kubeconfig: None, context: None, exec: None, patience: PATIENCE, env: Arc::clone(env) };
    let Some(config) = merge(&paths(&asked)?, false)? else { return Ok(Vec::new()) };
    let server = |cluster: &str| {
        let found = config.clusters.iter().find(|c| c.name == cluster)?;
        found.cluster.as_ref()?.server.clone()
    };
    let all = config.contexts.iter().map(|named| {
        let inner = named.context.as_ref();
        Context {
            name: named.name.clone(),
            server: inner.and_then(|c| server(&c.cluster)),
            namespace: inner.and_then(|c| c.namespace.clone()),
            current: config.current_context.as_ref() == Some(&named.name),
        }
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_and_their_plugins_are_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let sentinel = folder.path().join("ran");
        let file = folder.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod-eu\ncontexts:\n\
             - {{name: prod-eu, context: {{cluster: eu, user: ada, namespace: shop}}}}\n\
             - {{name: dev, context: {{cluster: gone, user: ada}}}}\n\
             clusters:\n- {{name: eu, cluster: {{server: \"https://eu.example.test:6443\"}}}}\n\
             users:\n- name: ada\n  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: touch, \
             args: [\"{}\"], interactiveMode: Never}}}}\n",
            sentinel.display()
        );
        std::fs::write(&file, text).unwrap();
        let env = Arc::new([("KUBECONFIG".to_owned(), file.display().to_string())].into());
        let found = contexts(&env).unwrap();
        assert_eq!(
            found,
            [
                Context {
                    name: "prod-eu".to_owned(),
                    server: Some("https://eu.example.test:6443".to_owned()),
                    namespace: Some("shop".to_owned()),
                    current: true
                },
                Context { name: "dev".to_owned(), server: None, namespace: None, current: false },
            ]
        );
        assert!(!sentinel.exists());
        assert!(contexts(&Arc::default()).unwrap().is_empty());
    }
}
