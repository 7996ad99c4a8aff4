//! Cassandra's jars: fetched by Maven once, kept for all starts.
//!
//! The folder of a version appears at once and complete, by a rename: two that fetch at a time do no harm, and a
//! fetch that was cut off leaves nothing that would be taken for the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, install};

/// The version of Apache Cassandra.
pub const VERSION: &str = "5.0.9";
/// A jar that is there when all are.
const MAIN_JAR: &str = "cassandra-all-5.0.9.jar";

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>cassandra-dist</artifactId><version>1</version><packaging>pom</packaging>
  <properties><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>5.0.9</version>
  </dependency></dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
  </plugin></plugins></build>
</project>
"#;

/// Under the workspace's own target folder, where `cargo clean` finds it.
#[must_use]
pub fn default_cache() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).unwrap_or(here);
    root.join("target").join("cassandra")
}

/// The folder with the jars below a cache; fetches them when they are not there.
///
/// # Errors
/// Maven or Java is missing and cannot be installed, or cannot fetch; with what it said.
pub fn fetch(cache: &Path) -> Result<PathBuf, Error> {
    let cache = std::path::absolute(cache).map_err(Error::io(format!("find {}", cache.display())))?;
    let home = cache.join(VERSION);
    let jars = home.join("lib");
    if jars.join(MAIN_JAR).is_file() {
        return Ok(jars);
    }
    let maven = install::bring(install::MAVEN)?;
    let aside = cache.join(format!(".fetching-{}", std::process::id()));
    let fetched = fetch_into(&aside, &maven).and_then(|()| {
        let moved = fs::rename(&aside, &home);
        // Another was quicker: what it fetched is the same.
        if jars.join(MAIN_JAR).is_file() {
            Ok(())
        } else {
            moved.map_err(Error::io("move the jars into place"))
        }
    });
    let _ = fs::remove_dir_all(&aside);
    fetched.map(|()| jars)
}

fn fetch_into(aside: &Path, maven: &Path) -> Result<(), Error> {
    let _ = fs::remove_dir_all(aside);
    fs::create_dir_all(aside).map_err(Error::io(format!("make {}", aside.display())))?;
    fs::write(aside.join("pom.xml"), POM).map_err(Error::io("write a pom"))?;
    let mut command = Command::new(maven);
    // A jar whose checksum is another is refused, not warned of.
    command.args(["-B", "-q", "--strict-checksums", "dependency:copy-dependencies"]);
    command.args(["-DincludeScope=runtime", "-DoutputDirectory=lib"]);
    command.current_dir(aside).stdin(Stdio::null());
    let output = command.output().map_err(Error::io("start mvn"))?;
    if output.status.success() && aside.join("lib").join(MAIN_JAR).is_file() {
        return Ok(());
    }
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).take(8).collect();
    Err(Error::Fetch(format!("{} ({})", lines.join("\n"), output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_same_everywhere() {
        assert!(POM.contains(&format!("<artifactId>cassandra-all</artifactId><version>{VERSION}</version>")));
        assert!(MAIN_JAR.contains(VERSION));
    }

    #[test]
    fn jars_that_are_there_are_not_fetched() {
        let cache = tempfile::tempdir().unwrap();
        let jars = cache.path().join(VERSION).join("lib");
        fs::create_dir_all(&jars).unwrap();
        fs::write(jars.join(MAIN_JAR), "").unwrap();
        assert_eq!(fetch(cache.path()).unwrap(), jars);
    }
}
