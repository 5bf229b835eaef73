//! `stackctl` as operators run it: the binary, against a real registry, and stand-ins for Portainer and Watchtower that follow
//! their documented APIs.

mod data;
mod peers;
mod portainer;
mod registry;
mod runbook;
mod tool;
mod watchtower;
