//! What lies between the program and a far service: latency, a wait before each answer, so many bytes a second through
//! one connection and through all of them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that go through at once.
const PIECE_BYTES: usize = 32 << 10;

/// A sleeper that wakes up late makes up for so much.
const LATE: Duration = Duration::from_millis(50);

/// A way to a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// There and back.
    pub(crate) latency: Duration,
    /// What the service takes to begin an answer.
    pub(crate) first_byte: Duration,
    /// Bytes a second through one connection.
    pub(crate) connection_rate: u32,
    /// Bytes a second through all of them.
    pub(crate) link_rate: u32,
}

/// What went through while images did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    first_asked: Instant,
    last_sent: Instant,
    pub(crate) bytes: u64,
}

impl Flow {
    /// From the first request for an image to the last byte.
    pub(crate) fn lasted(&self) -> Duration {
        self.last_sent.duration_since(self.first_asked)
    }
}

/// The relay; ends when it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

struct Shared {
    way: Way,
    /// When the next bytes may go through the link.
    free_at: Mutex<Instant>,
    flow: Mutex<Option<Flow>>,
}

impl Relay {
    /// Stands before a service from now on.
    pub(crate) fn before(service: SocketAddr, way: Way) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { way, free_at: Mutex::new(Instant::now()), flow: Mutex::default() });
        let accepting = Arc::clone(&shared);
        // it ends with its runtime
        drop(runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(converse(client, service, Arc::clone(&accepting)));
            }
        }));
        Ok(Self { address, shared, _runtime: runtime })
    }

    /// What went through since the last time that this was asked; nothing when no image was.
    pub(crate) fn take_flow(&self) -> Option<Flow> {
        lock(&self.shared.flow).take()
    }
}

/// One connection, until either end closes it.
async fn converse(client: TcpStream, service: SocketAddr, shared: Arc<Shared>) -> std::io::Result<()> {
    sleep(shared.way.latency).await;
    let server = TcpStream::connect(service).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        ended = requests(from_client, to_server, &shared) => ended,
        ended = answers(from_server, to_client, &shared) => ended,
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut request = vec![0; PIECE_BYTES];
    loop {
        let length = client.read(&mut request).await?;
        if length == 0 {
            return Ok(());
        }
        if String::from_utf8_lossy(&request[..length]).contains("/getImage?") {
            shared.note_image();
        }
        // all of the waiting is done here: the service itself answers at once
        sleep(shared.way.latency + shared.way.first_byte).await;
        server.write_all(&request[..length]).await?;
    }
}

async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut free_at = Instant::now();
    loop {
        let length = server.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        free_at = free_at.max(Instant::now() - LATE) + time_for(length, shared.way.connection_rate);
        sleep_until(free_at.max(shared.take_turn(length))).await;
        client.write_all(&piece[..length]).await?;
        shared.note_bytes(length);
    }
}

impl Shared {
    /// When so many bytes have gone through the link.
    fn take_turn(&self, bytes: usize) -> Instant {
        let mut free_at = lock(&self.free_at);
        *free_at = (*free_at).max(Instant::now() - LATE) + time_for(bytes, self.way.link_rate);
        *free_at
    }

    fn note_image(&self) {
        let now = Instant::now();
        lock(&self.flow).get_or_insert(Flow { first_asked: now, last_sent: now, bytes: 0 });
    }

    fn note_bytes(&self, bytes: usize) {
        if let Some(flow) = &mut *lock(&self.flow) {
            flow.bytes += bytes as u64;
            flow.last_sent = Instant::now();
        }
    }
}

fn time_for(bytes: usize, rate: u32) -> Duration {
    let nanoseconds = bytes as u64 * 1_000_000_000 / u64::from(rate);
    Duration::from_nanos(nanoseconds)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds the lock")
}
