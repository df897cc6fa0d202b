use std::collections::BTreeSet;

use actix_web::{
    FromRequest, Handler, Responder, Route, guard,
    http::{
        Method,
        header::{ALLOW, HeaderValue},
    },
    web,
};

use crate::{ApiError, Code};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever shows a valid token.
    Account,
    /// Whoever shows a valid token of a moderator or administrator, which the
    /// operation looks up: a token does not tell.
    Moderator,
}

/// An operation as it is registered, for tests that must know them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// The verb.
    pub method: Method,
    /// The path with its parameters: `/api/users/{id}`.
    pub path: &'static str,
    /// Its name, which is that of its file, its span and its metric.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
}

impl RouteInfo {
    /// Whether a request with `method` is this operation's: `HEAD` belongs to `GET`.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }
}

type AddRoute = Box<dyn Fn(actix_web::Resource) -> actix_web::Resource + Send + Sync>;

/// The route table of a service: every operation, one line each.
#[derive(Default)]
pub struct Routes {
    entries: Vec<(RouteInfo, AddRoute)>,
}

impl Routes {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation. Paths that match each other go from special to
    /// general, as actix takes the first.
    #[must_use]
    pub fn add<F, Args>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        name: &'static str,
        handler: F,
    ) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route_method = method.clone();
        let add: AddRoute = Box::new(move |resource| {
            // As in Express, whoever may GET may ask for the head alone.
            let route = if route_method == Method::GET {
                Route::new().guard(guard::Any(guard::Get()).or(guard::Head()))
            } else {
                Route::new().method(route_method.clone())
            };
            resource.route(route.to(handler.clone()))
        });
        let info = RouteInfo {
            method,
            path,
            name,
            access,
        };
        self.entries.push((info, add));
        self
    }

    /// Every operation, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &RouteInfo> {
        self.entries.iter().map(|(info, _)| info)
    }

    /// The segments of all paths that are words, not parameters.
    pub(crate) fn static_segments(&self) -> BTreeSet<&'static str> {
        self.iter()
            .flat_map(|info| info.path.split('/'))
            .filter(|segment| !segment.is_empty() && !segment.starts_with('{'))
            .collect()
    }

    pub(crate) fn configure(&self, config: &mut web::ServiceConfig) {
        let mut paths: Vec<&'static str> = Vec::new();
        for info in self.iter() {
            if !paths.contains(&info.path) {
                paths.push(info.path);
            }
        }
        for path in paths {
            let mut resource = web::resource(path);
            let mut allowed = Vec::new();
            for (info, add) in self.entries.iter().filter(|(info, _)| info.path == path) {
                resource = add(resource);
                allowed.push(info.method.as_str());
                if info.method == Method::GET {
                    allowed.push(Method::HEAD.as_str());
                }
            }
            let allow = HeaderValue::from_str(&allowed.join(", ")).ok();
            let refuse = move || {
                let mut error = ApiError::of(Code::MethodNotAllowed);
                if let Some(allow) = &allow {
                    error = error.header(ALLOW, allow.clone());
                }
                std::future::ready(Err::<actix_web::HttpResponse, _>(error))
            };
            config.service(resource.default_service(web::to(refuse)));
        }
    }
}
