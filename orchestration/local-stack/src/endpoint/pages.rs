//! The pages for people, which need no signature.

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::Body;
use serde_json::{Value, json};

use crate::endpoint::protocol::{Protocol, json_response, status};
use crate::endpoint::{Endpoint, read};
use crate::faults::{FaultPlan, change_plan};

impl Endpoint {
    /// Replaces (PUT) or clears (DELETE) the fault plan.
    async fn change_faults(&self, request: Request<Incoming>) -> Response<Body> {
        let plan = match *request.method() {
            Method::DELETE => Ok(FaultPlan::default()),
            Method::PUT => match read(request.into_body()).await {
                Ok(body) => FaultPlan::from_json(&String::from_utf8_lossy(&body)),
                Err(error) => return Protocol::page().refuse(&error, "local"),
            },
            _ => return status(StatusCode::METHOD_NOT_ALLOWED),
        };
        match plan.and_then(|plan| change_plan(&self.faults, &self.invocations, plan)) {
            Ok(()) => page_response(StatusCode::OK, &self.faults.report()),
            Err(error) => bad_plan(&error),
        }
    }

    /// What is for people: `/_local/notifications`, `/_local/invocations` and `/_local/faults`.
    pub(super) async fn local_page(&self, request: Request<Incoming>, page: &str) -> Response<Body> {
        if page == "/faults" && request.method() != Method::GET {
            return self.change_faults(request).await;
        }
        if request.method() != Method::GET {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let report = match page {
            "" | "/" => Ok(json!({
                "pages": ["/_local/faults", "/_local/invocations", "/_local/notifications"],
            })),
            "/faults" => Ok(self.faults.report()),
            "/invocations" => self.invocations.report(),
            "/notifications" => self.topics.report(),
            _ => return status(StatusCode::NOT_FOUND),
        };
        match report {
            Ok(report) => page_response(StatusCode::OK, &report),
            Err(error) => Protocol::page().refuse(&error.into(), "local"),
        }
    }
}

fn bad_plan(error: &dyn std::error::Error) -> Response<Body> {
    page_response(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }))
}

fn page_response(code: StatusCode, page: &Value) -> Response<Body> {
    json_response(code, "application/json", page)
}
