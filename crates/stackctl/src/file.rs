//! A stack file as far as this tool must understand it: which images it names, and where the instance lies.
//!
//! The rule that this module keeps: a deployment may not leave the services without the volume that they have. It is the one
//! thing in a stack that cannot be made again.

use serde_norway::Value;

use crate::Error;
use crate::portainer::Variable;

/// The services of which the stack has images of ours, in the order in which they are shown.
pub(crate) const IMAGES: [&str; 6] =
    ["nginx", "flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"];

/// Where the services expect the instance.
const INSTANCE: &str = "/usr/src/app/instance";

/// The variable that chooses the tag of all images.
pub(crate) const STACK_TAG: &str = "STACK_TAG";

/// A stack file.
#[derive(Debug, Clone)]
pub(crate) struct StackFile(Value);

/// An image as the file names it, variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageRef {
    /// The place of the registry: `ceregecl`, `registry.osupytheas.fr:443`.
    pub(crate) place: String,
    /// The tag.
    pub(crate) tag: String,
}

/// The name of the image of a service.
pub(crate) fn image_of(service: &str) -> String {
    format!("netcdf_editor_{service}")
}

impl StackFile {
    /// Reads YAML.
    ///
    /// # Errors
    /// It is none, or has no services.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut file: Value = serde_norway::from_str(text)
            .map_err(|error| Error::Refused(format!("the stack file is no YAML: {error}")))?;
        file.apply_merge().map_err(|error| Error::Refused(format!("the stack file: {error}")))?;
        if file["services"].as_mapping().is_none() {
            return Err(Error::Refused("the stack file has no services".to_owned()));
        }
        Ok(Self(file))
    }

    /// Whether the images of ours are chosen by [`STACK_TAG`].
    pub(crate) fn follows_stack_tag(&self) -> bool {
        let images = IMAGES.into_iter().filter_map(|service| self.0["services"][service]["image"].as_str());
        let reference = format!("${{{STACK_TAG}");
        images
            .into_iter()
            .all(|image| image.rsplit_once('/').is_some_and(|(_, name)| name.contains(&reference)))
    }

    /// Where the stack takes our images from, and by which tag.
    ///
    /// # Errors
    /// The file names none of ours.
    pub(crate) fn image(&self, variables: &[Variable]) -> Result<ImageRef, Error> {
        for service in IMAGES {
            let Some(image) = self.0["services"][service]["image"].as_str() else { continue };
            let image = filled_in(image, variables);
            let Some((place, name)) = image.rsplit_once('/') else { continue };
            let (name, tag) = name.split_once(':').unwrap_or((name, "latest"));
            if name == image_of(service) {
                return Ok(ImageRef { place: place.to_owned(), tag: tag.to_owned() });
            }
        }
        Err(Error::Refused(format!(
            "the stack file names no image of this platform ({}, ...)",
            image_of("flask_app")
        )))
    }

    /// The volumes that hold an instance, each with its full name on the engine.
    pub(crate) fn instance_volumes(&self, stack: &str, variables: &[Variable]) -> Vec<String> {
        let mut found: Vec<String> = self
            .instances()
            .into_iter()
            .filter_map(|(_, source)| self.full_name(&source, stack, variables))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Refuses a file that would take the instance away from the services of the one before it.
    ///
    /// # Errors
    /// [`Error::Refused`], with the service and what is wrong.
    pub(crate) fn keeps_instance_of(
        &self,
        before: &Self,
        stack: &str,
        variables: &[Variable],
    ) -> Result<(), Error> {
        let refuse = |why: String| {
            Err(Error::Refused(format!(
                "this would take the users' data away from the stack: {why}. Nothing was changed"
            )))
        };
        let now = self.instances();
        if now.is_empty() {
            return refuse(format!("no service has a volume at {INSTANCE}"));
        }
        for (service, was) in before.instances() {
            if self.0["services"][service.as_str()].is_null() {
                continue;
            }
            let Some((_, is)) = now.iter().find(|(name, _)| *name == service) else {
                return refuse(format!("{service} has no volume at {INSTANCE} any more"));
            };
            let old = before.full_name(&was, stack, variables);
            let new = self.full_name(is, stack, variables);
            if new.is_none() || old != new {
                return refuse(format!(
                    "{service} has {} at {INSTANCE} now and would get {}",
                    old.unwrap_or(was),
                    new.unwrap_or_else(|| format!("{is}, which the file does not declare"))
                ));
            }
            let (declared, redeclared) =
                (&before.0["volumes"][was.as_str()], &self.0["volumes"][is.as_str()]);
            for key in ["driver", "driver_opts"] {
                if declared[key] != redeclared[key] {
                    return refuse(format!("the volume {is} is declared with another {key}"));
                }
            }
        }
        Ok(())
    }

    /// Services with what they mount as their instance.
    fn instances(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (name, service) in self.0["services"].as_mapping().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            for volume in service["volumes"].as_sequence().into_iter().flatten() {
                let (source, target) = match volume.as_str() {
                    Some(short) => {
                        let mut parts = short.splitn(3, ':');
                        (parts.next(), parts.next())
                    }
                    None => (volume["source"].as_str(), volume["target"].as_str()),
                };
                if target.map(|target| target.trim_end_matches('/')) == Some(INSTANCE)
                    && let Some(source) = source
                {
                    found.push((name.to_owned(), source.to_owned()));
                }
            }
        }
        found
    }

    /// What the engine calls a volume of the file; a folder of the host keeps its path.
    fn full_name(&self, source: &str, stack: &str, variables: &[Variable]) -> Option<String> {
        if source.starts_with(['/', '.', '~']) {
            return Some(filled_in(source, variables));
        }
        let declared = self.0["volumes"].as_mapping()?.get(source)?;
        if let Some(name) = declared["name"].as_str().or_else(|| declared["external"]["name"].as_str()) {
            return Some(filled_in(name, variables));
        }
        let external = declared["external"].as_bool() == Some(true);
        Some(if external { source.to_owned() } else { format!("{stack}_{source}") })
    }
}

/// Fills `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}` in, as compose does.
fn filled_in(text: &str, variables: &[Variable]) -> String {
    let value =
        |name: &str| variables.iter().find(|variable| variable.name == name).map(|v| v.value.as_str());
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((inside, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}'))
        {
            let end = inside.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inside.len());
            let (name, rule) = inside.split_at(end);
            let given = value(name);
            out.push_str(match rule {
                _ if rule.starts_with(":-") => given.filter(|text| !text.is_empty()).unwrap_or(&rule[2..]),
                _ if rule.starts_with('-') => given.unwrap_or(&rule[1..]),
                _ => given.unwrap_or_default(),
            });
            rest = after;
        } else {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
            out.push_str(value(&after[..end]).unwrap_or_default());
            rest = &after[end..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "
x-service: &service {restart: unless-stopped, volumes: [instance_storage:/usr/src/app/instance]}
services:
  flask_app:
    <<: *service
    image: ${REGISTRY:-ceregecl}/netcdf_editor_flask_app:${STACK_TAG:-latest}
  python_worker:
    <<: *service
    image: ${REGISTRY:-ceregecl}/netcdf_editor_python_worker:${STACK_TAG:-latest}
volumes:
  instance_storage:
";

    fn parsed(text: &str) -> StackFile {
        StackFile::parse(text).unwrap()
    }

    fn variable(name: &str, value: &str) -> Variable {
        Variable { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn images_are_named_as_compose_names_them() {
        let file = parsed(OURS);
        let named = file.image(&[]).unwrap();
        assert_eq!((named.place.as_str(), named.tag.as_str()), ("ceregecl", "latest"));
        let variables = [variable("REGISTRY", "registry.osupytheas.fr:443"), variable("STACK_TAG", "t1")];
        let named = file.image(&variables).unwrap();
        assert_eq!((named.place.as_str(), named.tag.as_str()), ("registry.osupytheas.fr:443", "t1"));
        assert!(file.follows_stack_tag());

        let original = parsed("services: {nginx: {image: 'registry.osupytheas.fr:443/netcdf_editor_nginx'}}");
        assert_eq!(original.image(&[]).unwrap().tag, "latest");
        assert!(!original.follows_stack_tag());
        assert!(parsed("services: {web: {image: 'nginx:1'}}").image(&[]).is_err());
    }

    #[test]
    fn variables_are_filled_in() {
        let given = [variable("A", "1"), variable("EMPTY", "")];
        for (text, filled) in [
            ("$A-${A}-$$A", "1-1-$A"),
            ("${B:-x}${EMPTY:-y}${EMPTY-z}${B-w}", "xyw"),
            ("${B}end", "end"),
            ("${A:?must be}", "1"),
            ("open ${A", "open {A"),
        ] {
            assert_eq!(filled_in(text, &given), filled, "{text}");
        }
    }

    #[test]
    fn a_file_that_drops_or_moves_the_instance_is_refused() {
        let before = parsed(OURS);
        assert_eq!(before.instance_volumes("climsim", &[]), ["climsim_instance_storage"]);
        before.keeps_instance_of(&before, "climsim", &[]).unwrap();
        // The same volume, said in another way.
        let external = OURS.replace(
            "  instance_storage:\n",
            "  instance_storage: {external: true, name: climsim_instance_storage}\n",
        );
        parsed(&external).keeps_instance_of(&before, "climsim", &[]).unwrap();

        let moved =
            OURS.replace("instance_storage:/usr", "data:/usr").replace("  instance_storage:", "  data:");
        let undeclared = OURS.replace("volumes:\n  instance_storage:", "volumes: {}");
        let renamed = OURS.replace("  instance_storage:\n", "  instance_storage: {name: fresh}\n");
        let folder = OURS.replace("instance_storage:/usr", "/srv/fresh:/usr");
        let other = OURS.replace("  instance_storage:\n", "  instance_storage: {driver: nfs}\n");
        let gone = OURS.replace(", volumes: [instance_storage:/usr/src/app/instance]", "");
        let half =
            OURS.replace("  python_worker:\n    <<: *service\n", "  python_worker:\n    volumes: []\n");
        for file in [moved, undeclared, renamed, folder, other, gone, half] {
            assert_ne!(file, OURS);
            let error = parsed(&file).keeps_instance_of(&before, "climsim", &[]).unwrap_err();
            assert!(error.to_string().contains("users' data"), "{error}\n{file}");
        }
    }

    #[test]
    fn our_own_stack_files_keep_the_instance_of_the_original() {
        let original = parsed(
            "services:
  flask_app: {image: 'r:443/netcdf_editor_flask_app', volumes: ['instance_storage:/usr/src/app/instance']}
  python_worker: {image: 'r:443/netcdf_editor_python_worker', volumes: ['instance_storage:/usr/src/app/instance']}
volumes: {instance_storage: }
",
        );
        let ours = include_str!("../../../deploy/docker-compose.yaml");
        parsed(ours).keeps_instance_of(&original, "climsim", &[]).unwrap();
        assert!(parsed(ours).follows_stack_tag());
    }
}
