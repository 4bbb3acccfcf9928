//! The KV service's ops.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::{OpState, op2, v8};
use orilla_services::kv::{Kv, ListOptions, PutOptions};
use serde::Serialize;

use crate::caller::current_caller;
use crate::error::BindingError;
use crate::pending::{KvReads, PendingBytes};

/// What a read finds without waiting: the value, null for an absent key, or undefined where the store must be asked.
#[op2]
pub fn op_kv_get_cached<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &mut OpState,
    #[string] namespace: &str,
    #[string] key: &str,
) -> Result<v8::Local<'s, v8::Value>, BindingError> {
    let caller = current_caller(scope, state)?;
    let known = state.borrow::<Arc<Kv>>().get_cached(&caller, namespace, key);
    Ok(match known {
        None => v8::undefined(scope).into(),
        Some(None) => v8::null(scope).into(),
        Some(Some(value)) => match v8::String::new(scope, &value) {
            Some(text) => text.into(),
            None => v8::undefined(scope).into(),
        },
    })
}

#[op2]
#[string]
pub fn op_kv_get(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[string] namespace: String,
    #[string] key: String,
) -> Result<impl Future<Output = Result<Option<String>, BindingError>> + use<>, BindingError> {
    let (kv, caller) = service(scope, &state)?;
    let turns = state.borrow().borrow::<KvReads>().0.clone();
    Ok(async move {
        let _turn = turns.acquire().await;
        Ok(kv.get(&caller, &namespace, &key).await?.map(|value| value.to_string()))
    })
}

#[op2]
pub fn op_kv_put(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[string] namespace: String,
    #[string] key: String,
    #[string] value: String,
    ttl: Option<f64>,
    expiration: Option<f64>,
) -> Result<impl Future<Output = Result<(), BindingError>> + use<>, BindingError> {
    let (kv, caller) = service(scope, &state)?;
    let options = PutOptions { ttl, expiration };
    let held = state.borrow().borrow::<PendingBytes>().hold(value.len())?;
    Ok(async move {
        let _held = held;
        Ok(kv.put(&caller, &namespace, &key, value.into(), options).await?)
    })
}

#[op2]
pub fn op_kv_delete(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[string] namespace: String,
    #[string] key: String,
) -> Result<impl Future<Output = Result<(), BindingError>> + use<>, BindingError> {
    let (kv, caller) = service(scope, &state)?;
    Ok(async move { Ok(kv.delete(&caller, &namespace, &key).await?) })
}

/// A page of keys, as js/platform/kv.js reads it.
#[derive(Serialize)]
pub struct Page {
    keys: Vec<Key>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Key {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<u64>,
}

#[op2]
#[serde]
pub fn op_kv_list(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[string] namespace: String,
    #[string] prefix: String,
    limit: Option<f64>,
    #[string] cursor: Option<String>,
) -> Result<impl Future<Output = Result<Page, BindingError>> + use<>, BindingError> {
    let (kv, caller) = service(scope, &state)?;
    let turns = state.borrow().borrow::<KvReads>().0.clone();
    Ok(async move {
        let _turn = turns.acquire().await;
        let options = ListOptions { prefix: &prefix, limit, cursor: cursor.as_deref() };
        let page = kv.list(&caller, &namespace, options).await?;
        let keys = page.keys.into_iter().map(|key| Key { name: key.name, expiration: key.expiration }).collect();
        Ok(Page { keys, cursor: page.cursor })
    })
}

fn service(
    scope: &mut v8::PinScope<'_, '_>,
    state: &Rc<RefCell<OpState>>,
) -> Result<(Arc<Kv>, Arc<orilla_services::caller::Caller>), BindingError> {
    let state = state.borrow();
    let caller = current_caller(scope, &state)?;
    Ok((state.borrow::<Arc<Kv>>().clone(), caller))
}
