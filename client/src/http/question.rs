//! Questions to a node: each is a request that is sent again until it has its answer.

use super::*;
use tokio::sync::mpsc;

/// Request whose body is still being made, and the body of its answer.
pub(crate) type Begun = (mpsc::Sender<Bytes>, Incoming);

impl Client {
    /// GET, decoded from JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, ClientError> {
        self.decode(&self.get_bytes(path, query).await?.body)
    }

    /// GET, as it comes.
    pub fn get_bytes<'c>(&'c self, path: &'c [&str], query: &'c [(&str, &str)]) -> Asked<'c, Answer> {
        Box::pin(async move {
            self.own_writes(query).await?;
            self.look(path, query).await
        })
    }

    /// GET, as it comes, whatever this client's session has written.
    pub(crate) async fn look(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, ClientError> {
        self.ask(get(self.url(path, query)?, HeaderMap::new())).await
    }

    /// GET of an address beside `/v1`, as it comes.
    pub async fn get_beside(&self, address: &str) -> Result<Answer, ClientError> {
        let url = self.base.below(address, &[], &[]).map_err(ClientError::TooLong)?;
        self.ask(get(url, HeaderMap::new())).await
    }

    /// Asks once whether the node is alive; why there is no answer, where there is none.
    pub async fn is_there(&self) -> Result<(), String> {
        self.probe("healthz").await
    }

    /// Asks once whether the node can order and is up to date, as far as the node knows; why not, where it says so.
    pub async fn is_ready(&self) -> Result<(), String> {
        self.probe("readyz").await
    }

    async fn probe(&self, address: &str) -> Result<(), String> {
        let url = self.base.below(address, &[], &[]).map_err(|bytes| ClientError::TooLong(bytes).to_string())?;
        let asked: Asked<'_, Try> = Box::pin(self.ask_once(get(url, HeaderMap::new())));
        match timeout(self.timeout, asked).await {
            Ok(Ok(Try::Answered(_))) => Ok(()),
            Ok(Ok(Try::Again { why, .. })) => Err(why),
            Ok(Ok(Try::HeldBack { problem, .. })) => Err(reason(&problem)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(SILENT.into()),
        }
    }

    /// POST of bytes, which are the same in every try.
    pub(crate) async fn post_bytes(&self, url: Uri, kind: &'static str, body: Vec<u8>) -> Result<Answer, ClientError> {
        self.post_within(&mut self.tries(), url, kind, body).await
    }

    /// The same, with tries that say afterwards whether one may have been taken.
    pub(crate) async fn post_within(
        &self,
        tries: &mut Tries<'_>,
        url: Uri,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        self.ask_within(tries, post(url, kind, body)).await
    }

    /// Begins an endless answer; only the beginning is tried again.
    pub(crate) fn stream(&self, url: Uri, headers: HeaderMap) -> Asked<'_, Response<Incoming>> {
        Box::pin(self.streamed(url, headers))
    }

    async fn streamed(&self, url: Uri, headers: HeaderMap) -> Result<Response<Incoming>, ClientError> {
        let mut tries = Tries::new(self);
        loop {
            match tries.within(self.send(get(url.clone(), headers.clone()))).await? {
                Some(Ok(response)) if response.status().is_success() => return Ok(response),
                Some(Ok(response)) => self.refused(&mut tries, response).await?,
                Some(Err(error)) => tries.pause(self.words(&error)?, None).await?,
                None => tries.pause(SILENT.into(), None).await?,
            }
        }
    }

    /// Begins a request whose body is still being made, of which so many pieces wait; only the beginning is tried again.
    pub(crate) fn begin(&self, url: Uri, headers: HeaderMap, waiting: usize) -> Asked<'_, Begun> {
        Box::pin(self.begun(url, headers, waiting))
    }

    async fn begun(&self, url: Uri, headers: HeaderMap, waiting: usize) -> Result<Begun, ClientError> {
        let mut tries = Tries::new(self);
        loop {
            let (to, from) = mpsc::channel(waiting);
            let mut request = Request::post(url.clone()).body(Pieces(from)).expect("an address and a body");
            *request.headers_mut() = headers.clone();
            self.show(request.headers_mut());
            match tries.within(self.http.begin(request)).await? {
                Some(Ok(response)) if response.status().is_success() => return Ok((to, response.into_body())),
                Some(Ok(response)) => self.refused(&mut tries, response).await?,
                Some(Err(error)) => tries.pause(self.words(&error)?, None).await?,
                None => tries.pause(SILENT.into(), None).await?,
            }
        }
    }

    /// Notes an answer that begins nothing; its body has the time that is left.
    async fn refused(&self, tries: &mut Tries<'_>, response: Response<Incoming>) -> Result<(), ClientError> {
        match tries.within(self.receive(response)).await? {
            Some(refused) => tries.note(refused?).await,
            None => tries.pause(SILENT.into(), None).await,
        }
    }

    async fn ask(&self, request: Request<Full>) -> Result<Answer, ClientError> {
        self.ask_within(&mut self.tries(), request).await
    }

    fn ask_within<'t>(&'t self, tries: &'t mut Tries<'_>, request: Request<Full>) -> Asked<'t, Answer> {
        Box::pin(self.asked(tries, request))
    }

    async fn asked(&self, tries: &mut Tries<'_>, request: Request<Full>) -> Result<Answer, ClientError> {
        loop {
            // Copies a pointer to the body, not the body.
            let outcome = match tries.within(self.ask_once(request.clone())).await? {
                // Whoever was asked before may have taken it: that this node never does settles nothing.
                Some(Err(ClientError::Refused(problem))) if tries.is_uncertain && problem.is_of_size_here() => {
                    tries.last = problem.to_string();
                    return Err(tries.given_up());
                }
                Some(outcome) => outcome?,
                None => Try::Again { why: SILENT.into(), after: None },
            };
            match outcome {
                Try::Answered(answer) => return Ok(answer),
                again => tries.note(again).await?,
            }
        }
    }

    pub(super) async fn send(&self, mut request: Request<Full>) -> Result<Response<Incoming>, TransportError> {
        self.show(request.headers_mut());
        self.http.send(request).await
    }

    /// Adds the secret and the session's token.
    fn show(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let token = self.session().and_then(|session| HeaderValue::from_str(&session.token()?.to_string()).ok());
        token.map(|token| headers.insert(SESSION_HEADER, token));
    }

    async fn ask_once(&self, request: Request<Full>) -> Result<Try, ClientError> {
        match self.send(request).await {
            Ok(response) => self.receive(response).await,
            Err(error) => Ok(Try::Again { why: self.words(&error)?, after: None }),
        }
    }
}

pub(super) fn post(url: Uri, kind: &'static str, body: Vec<u8>) -> Request<Full> {
    let mut request = Request::post(url).body(body.into()).expect("an address and a body");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    request
}

fn get(url: Uri, headers: HeaderMap) -> Request<Full> {
    let mut request = Request::get(url).body(Full::default()).expect("an address and no body");
    *request.headers_mut() = headers;
    request
}
