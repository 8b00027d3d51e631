//! Routes with their guards: a route cannot be added without saying who may use it.

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, post_service, put};
use domain::{Access, Actor, Object, authorize};
use engine::Caller;

use super::State;
use super::problem::Answer;

/// One row of the table of routes.
#[derive(Debug, Clone)]
#[cfg_attr(not(test), allow(dead_code))]
pub struct Entry {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
}

pub struct Routes {
    router: Router<State>,
    entries: Vec<Entry>,
}

macro_rules! method {
    ($name:ident, $text:literal) => {
        pub fn $name<H, T>(self, path: &'static str, access: Access, handler: H) -> Routes
        where
            H: Handler<T, State>,
            T: 'static,
        {
            self.add($text, path, access, $name(handler))
        }
    };
}

impl Routes {
    pub fn new() -> Routes {
        Routes { router: Router::new(), entries: Vec::new() }
    }

    method!(get, "GET");
    method!(post, "POST");
    method!(put, "PUT");
    method!(patch, "PATCH");
    method!(delete, "DELETE");

    /// A service that answers POST itself, as those of gRPC do.
    pub fn service<S>(self, path: &'static str, access: Access, service: S) -> Routes
    where
        S: tower::Service<Request, Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Future: Send + 'static,
    {
        self.add("POST", path, access, post_service(service))
    }

    fn add(mut self, method: &'static str, path: &'static str, access: Access, handler: MethodRouter<State>) -> Routes {
        let guarded = handler.layer(from_fn(move |request: Request, next: Next| check(access, request, next)));
        self.router = self.router.route(path, guarded);
        self.entries.push(Entry { method, path, access });
        self
    }

    pub fn finish(self) -> (Router<State>, Vec<Entry>) {
        (self.router, self.entries)
    }
}

/// Asks the one authorisation rule before the handler runs. Use-cases ask again with their object.
async fn check(access: Access, request: Request, next: Next) -> Response {
    if let Access::Needs(action) = access {
        let actor = request.extensions().get::<Caller>().map_or(Actor::Anonymous, |c| c.actor.clone());
        if let Err(denied) = authorize(&actor, action, &Object::Installation) {
            return Answer::from(denied).into_response();
        }
    }
    next.run(request).await
}
