//! `twinrack agent`: a host's end of the lab; the controller starts it and talks to it over standard input and output.

use clap::Args;

use crate::exit::{Exit, Stop};

/// Arguments of `agent`.
#[derive(Args)]
pub struct Agent {
    /// Serve orders from standard input; nothing else is offered yet.
    #[arg(long, required = true)]
    stdio: bool,
    /// Where the agents of other hosts and the controller reach this one.
    #[arg(long, default_value = "127.0.0.1")]
    address: std::net::IpAddr,
}

impl Agent {
    /// Serves until standard input closes.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        // The one way there is: the flag keeps room for others.
        let Self { stdio: _, address } = self;
        let served =
            twinrack_hw::lab::agent::serve(std::io::stdin().lock(), Box::new(std::io::stdout()), address);
        served
            .map(|()| Exit::Done)
            .map_err(|error| Stop::unavailable(format!("error: agent: {error}")))
    }
}
