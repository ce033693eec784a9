use axum::{routing::get, Router};
use tokio::signal::unix::{signal, SignalKind};

#[tokio::main]
async fn main() {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let app = Router::new().route("/", get(|| async { "Hello, World!" }));
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await.unwrap();
    axum::serve(listener, app).with_graceful_shutdown(shutdown()).await.unwrap();
}

async fn shutdown() {
    signal(SignalKind::terminate()).unwrap().recv().await;
}
