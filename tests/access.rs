//! Read-only is enforced where requests leave. In a process of its own: the gate does not open again.

use gonogo::domain::service::Access;
use gonogo::domain::{Cause, Reached, SafeText, SourceName, Step};
use gonogo::provider::access::{access, check_write, set_access};
use gonogo::provider::http::{Endpoint, EndpointSpec, Read};

#[path = "support/faults.rs"]
#[expect(dead_code, reason = "only the server of the fault table is needed here")]
mod faults;

#[tokio::test]
async fn a_read_only_process_sends_no_step_and_stays_read_only() {
    let server = faults::Server::start(faults::Act::Say("HTTP/1.1 200 OK\r\n\r\n{}")).await;
    let endpoint = Endpoint::new(EndpointSpec::new(&server.url)).unwrap();
    let step = Step {
        source: SourceName::new("ci"),
        method: "POST".to_owned(),
        path: "/approve".to_owned(),
        content_type: None,
        body: None,
        effect: SafeText::new("approves"),
    };
    assert_eq!(access(), Access::ReadWrite);
    endpoint.write(&step, &[]).await.unwrap();

    set_access(Access::ReadOnly);
    set_access(Access::ReadWrite);
    assert_eq!(access(), Access::ReadOnly);
    let fault = endpoint.write(&step, &[]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
    assert_eq!(check_write(&step).unwrap_err().cause, Cause::Refused);
    endpoint.read(&Read::get("/")).await.unwrap();
    assert_eq!(server.requests.lock().unwrap().len(), 2, "one write before, one read after");
}
