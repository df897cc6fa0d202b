//! `anufy admin`: the first administrators, who give others their roles.

mod password;

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::Context;
use contracts::{
    auth::v1::{CreateAdminRequest, operator_service_client::OperatorServiceClient},
    kind_of,
    rpc::Caller,
};
use domain::ErrorKind;
use secrecy::ExposeSecret;

use crate::AdminSettings;

/// Hashing a password may have to wait for its turn.
const DEADLINE: Duration = Duration::from_secs(30);

/// Makes an account that is an administrator, or raises the one that has the
/// e-mail address, and prints its id and which of the two it was.
pub(crate) async fn create(settings: &AdminSettings) -> anyhow::Result<()> {
    let owner = &settings.auth;
    let credential = &owner.credential.service_credential;
    let channel = Caller::channel(&owner.auth_grpc_url, credential, DEADLINE)?;
    let file = settings.password_file.clone();
    // A person types more slowly than other tasks can wait.
    let password = tokio::task::spawn_blocking(move || password::read(file.as_deref()));
    let password = password.await??;
    let request = CreateAdminRequest {
        email: settings.email.clone(),
        username: settings.username.clone(),
        password: password.expose_secret().to_owned(),
        full_name: settings.full_name.clone(),
    };
    let mut operator = OperatorServiceClient::new(channel);
    let answer = operator.create_admin(request);
    let made = match answer.await {
        Ok(made) => made.into_inner(),
        Err(status) if kind_of(&status) == ErrorKind::Unavailable => {
            return Err(status).context("auth could not be asked");
        }
        Err(status) => anyhow::bail!("auth refused: {}", status.message()),
    };
    let what = if made.is_new { "made" } else { "raised" };
    writeln!(io::stdout(), "{} {what}", made.user_id)?;
    Ok(())
}
