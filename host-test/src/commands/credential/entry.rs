//! The form of a credential, filled in: by flags and standard input, or field by field at a terminal.

use std::collections::BTreeSet;
use std::io::Read as _;

use connector_egress::{Secret, Secrets};
use connector_engine::Plugin;
use connector_engine::bindings::types::Problem;
use connector_store::{CredentialRecord, Name, Store, StoreError};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::console::Console;
use crate::context::{Account, account_problems, trimmed};
use crate::error::{CliError, Exit, one_line};
use crate::form::{Field, FieldKind, Form};
use crate::markdown;
use crate::prompt::Prompt;
use crate::words;

/// Pointers of the two fields that are the platform's, apart from any that a plugin can have.
const NAME: &str = "Credential Name";
const DESCRIPTION: &str = "Credential Description";

/// More than this is no secret.
const LONGEST_INPUT: u64 = 64 << 10;

/// A credential that is being filled in.
pub(super) struct Entry<'a> {
    /// The plugin whose form it is.
    pub(super) plugin: &'a Plugin,
    /// Its form.
    pub(super) form: &'a Form,
    /// The name as it was typed.
    pub(super) name: String,
    /// The description as it was typed.
    pub(super) description: String,
    /// The settings.
    pub(super) values: Map<String, Value>,
    /// The secrets that are set anew.
    pub(super) secrets: Secrets,
    /// The credential that is changed, if it is not a new one.
    pub(super) saved: Option<&'a CredentialRecord>,
    /// The secrets of that credential.
    pub(super) kept: Secrets,
}

/// What is still to be asked for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Question {
    /// The credential's name.
    Name,
    /// The credential's description.
    Description,
    /// A field of the plugin's form.
    Field(String),
}

impl Entry<'_> {
    /// Asks until nothing is wrong; without a terminal, refuses what is wrong, all of it at once. From then on nothing
    /// that is printed shows a secret; before, no message about one quotes it.
    pub(super) fn complete(
        &mut self,
        store: &Store,
        prompt: Option<&Prompt>,
        mut open: BTreeSet<Question>,
        console: &Console,
    ) -> Result<(), CliError> {
        let mut again = false;
        loop {
            if let Some(prompt) = prompt {
                self.ask(prompt, &open, again)?;
            }
            let problems = self.problems(store)?;
            if problems.is_empty() {
                console.hide_secrets(&self.secrets);
                return Ok(());
            }
            let Some(prompt) = prompt else { return Err(refusal(self.form, &problems)) };
            open = problems.iter().filter_map(|problem| self.question(problem)).collect();
            if open.is_empty() {
                return Err(refusal(self.form, &problems));
            }
            again = true;
            prompt.say("\nThis is not right yet:");
            for problem in &problems {
                prompt.say(&format!("  {}", described(self.form, problem)));
            }
        }
    }

    /// Warnings that stop nothing.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.secrets
            .iter()
            .filter(|(_, secret)| secret.expose().chars().count() < words::SHORT_SECRET)
            .map(|(slot, _)| words::short_secret(self.form.field(slot).map_or(slot, |f| &f.title)))
            .collect()
    }

    /// The name, which was found right.
    pub(super) fn parsed_name(&self) -> Result<Name, CliError> {
        Ok(Name::parse(&self.name)?)
    }

    fn ask(
        &mut self,
        prompt: &Prompt,
        open: &BTreeSet<Question>,
        again: bool,
    ) -> Result<(), CliError> {
        if open.contains(&Question::Name) {
            help(prompt, words::CREDENTIAL_NAME, words::CREDENTIAL_NAME_HELP, None);
            self.name = keep(prompt, &self.name)?;
        }
        if open.contains(&Question::Description) {
            let text = words::CREDENTIAL_DESCRIPTION_HELP;
            help(prompt, words::CREDENTIAL_DESCRIPTION, text, None);
            self.description = keep(prompt, &self.description)?;
        }
        let asked = |field: &&Field| open.contains(&Question::Field(field.name.clone()));
        let fields: Vec<_> = self.form.fields.iter().filter(asked).cloned().collect();
        let (advanced, plain): (Vec<_>, Vec<_>) = fields.into_iter().partition(|f| f.advanced);
        for field in &plain {
            self.ask_field(prompt, field)?;
        }
        if advanced.is_empty() {
            return Ok(());
        }
        let titles: Vec<_> = advanced.iter().map(|field| one_line(&field.title)).collect();
        let question = format!("{} ({}): change them?", words::ADVANCED, titles.join(", "));
        if !again {
            prompt.say("");
        }
        if again || prompt.yes(&question, false)? {
            for field in &advanced {
                self.ask_field(prompt, field)?;
            }
        }
        Ok(())
    }

    fn ask_field(&mut self, prompt: &Prompt, field: &Field) -> Result<(), CliError> {
        help(prompt, &field.title, &field.description, field.instructions.as_deref());
        let title = one_line(&field.title);
        if field.kind == FieldKind::Secret {
            let set = self.saved.is_some_and(|saved| saved.secrets_set.contains(&field.name));
            let hint = if set { " (set; leave empty to keep it)" } else { "" };
            let typed = prompt.secret(&format!("  {title}{hint}, not shown while you type: "))?;
            if !typed.trim().is_empty() {
                self.set_secret(&field.name, &typed);
            }
            return Ok(());
        }
        if let FieldKind::Choice(choices) = &field.kind {
            for (index, choice) in choices.iter().enumerate() {
                prompt.say(&format!("    {}. {}", index + 1, one_line(&choice.title)));
            }
        }
        let present = self.values.get(&field.name).or(field.default.as_ref()).map(plain);
        let hint = present.map(|value| format!(" [{value}]")).unwrap_or_default();
        let typed = prompt.line(&format!("  {title}{hint}: "))?;
        if typed.is_empty() {
            return Ok(());
        }
        let value = match &field.kind {
            FieldKind::Choice(choices) => typed
                .parse::<usize>()
                .ok()
                .and_then(|number| choices.get(number.checked_sub(1)?))
                .map_or_else(|| self.form.value(&field.name, &typed), |c| c.value.clone()),
            FieldKind::Boolean => match typed.to_lowercase().as_str() {
                "y" | "yes" => Value::Bool(true),
                "n" | "no" => Value::Bool(false),
                _ => self.form.value(&field.name, &typed),
            },
            _ => self.form.value(&field.name, &typed),
        };
        self.values.insert(field.name.clone(), value);
        Ok(())
    }

    /// Takes a secret as it was typed.
    pub(super) fn set_secret(&mut self, slot: &str, typed: &str) {
        self.secrets.insert(slot, trimmed(self.form, slot, typed.to_owned()));
    }

    /// All that is wrong.
    fn problems(&self, store: &Store) -> Result<Vec<Problem>, CliError> {
        let mut problems = Vec::new();
        if let Some(error) = self.name_fault(store)? {
            problems.push(Problem {
                field: NAME.into(),
                code: "name".into(),
                message: sentence(&error.to_string()),
            });
        }
        let account =
            Account { id: String::new(), values: self.values.clone(), secrets: self.all_secrets() };
        problems.extend(account_problems(self.plugin, self.form, &account)?);
        Ok(problems)
    }

    /// The secrets as they will be.
    pub(super) fn all_secrets(&self) -> Secrets {
        let mut secrets = self.kept.clone();
        for (slot, secret) in self.secrets.iter() {
            secrets.insert(slot, secret.clone());
        }
        secrets
    }

    fn name_fault(&self, store: &Store) -> Result<Option<StoreError>, CliError> {
        let name = match Name::parse(&self.name) {
            Ok(name) => name,
            Err(error) => return Ok(Some(error)),
        };
        match store.credential(name.as_str()) {
            Err(StoreError::NoSuchCredential { .. }) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(found) if self.saved.is_some_and(|saved| saved.id == found.id) => Ok(None),
            // A record is also found by its id, which is no name.
            Ok(found) if found.name != name => Ok(None),
            Ok(_) => Ok(Some(StoreError::NameTaken { name: name.to_string() })),
        }
    }

    fn question(&self, problem: &Problem) -> Option<Question> {
        match problem.field.as_str() {
            NAME => Some(Question::Name),
            DESCRIPTION => Some(Question::Description),
            pointer => {
                let name = pointer.strip_prefix('/')?.split('/').next()?;
                self.form.field(name).map(|field| Question::Field(field.name.clone()))
            }
        }
    }
}

/// Reads a secret from standard input, without the line break at its end.
pub(super) fn secret_from_stdin() -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::with_capacity(8192));
    std::io::stdin().take(LONGEST_INPUT + 1).read_to_string(&mut text).map_err(|error| {
        CliError::usage(format!("cannot read the secret from standard input: {error}"))
    })?;
    if text.len() as u64 > LONGEST_INPUT {
        return Err(CliError::usage(format!(
            "the secret on standard input has more than {LONGEST_INPUT} bytes"
        )));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// A secret out of the variable of its slot, if that is set.
pub(super) fn secret_from_environment(slot: &str) -> Option<Secret> {
    std::env::var(crate::context::secret_variable(slot)).ok().map(Secret::new)
}

/// Refuses a slot that the form has no secret for.
pub(super) fn ensure_secret(form: &Form, slot: &str) -> Result<(), CliError> {
    let is_secret = |field: &&Field| field.kind == FieldKind::Secret;
    if form.field(slot).as_ref().is_some_and(is_secret) {
        return Ok(());
    }
    let known: Vec<_> =
        form.fields.iter().filter(is_secret).map(|field| field.name.as_str()).collect();
    Err(CliError::usage(format!("the form has no secret `{slot}`"))
        .remedy(format!("Choose from: {}.", known.join(", "))))
}

fn refusal(form: &Form, problems: &[Problem]) -> CliError {
    let lines: Vec<_> = problems.iter().map(|problem| described(form, problem)).collect();
    let message = format!("the credential is not right: {}", lines.join(" | "));
    let only_name = problems.iter().all(|problem| problem.field == NAME);
    let exit = if only_name { Exit::Usage } else { Exit::Settings };
    let error = CliError::new(exit, "invalid", message);
    if problems.iter().any(|problem| problem.code == "required") {
        error.remedy(
            "Set the secret in CONNECTOR_<SLOT>, such as CONNECTOR_API_KEY, or pass it on standard input with \
             --secret-stdin <SLOT>.",
        )
    } else {
        error
    }
}

/// A problem under the title of its field.
fn described(form: &Form, problem: &Problem) -> String {
    let name = problem.field.trim_start_matches('/').split('/').next().unwrap_or_default();
    let title = form.field(name).map_or(name, |field| &field.title);
    if title.is_empty() || problem.message.starts_with(title) {
        return one_line(&problem.message);
    }
    one_line(&format!("{title}: {}", problem.message))
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}

fn help(prompt: &Prompt, title: &str, description: &str, instructions: Option<&str>) {
    prompt.say(&format!("\n{}", one_line(title)));
    for line in instructions.map(markdown::to_lines).unwrap_or_default() {
        prompt.say(&format!("  {line}"));
    }
    if !description.is_empty() {
        prompt.say(&format!("  {}", one_line(description)));
    }
}

/// Asks for a line; an empty one keeps what is there.
fn keep(prompt: &Prompt, present: &str) -> Result<String, CliError> {
    let hint = if present.is_empty() { String::new() } else { format!("[{}] ", one_line(present)) };
    let typed = prompt.line(&format!("  {hint}> "))?;
    Ok(if typed.is_empty() { present.to_owned() } else { typed })
}

fn plain(value: &Value) -> String {
    one_line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
