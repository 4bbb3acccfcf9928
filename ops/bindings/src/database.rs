//! The database's ops. Arguments and results cross as JSON text, which V8 writes and reads faster than anything could
//! be built field by field.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::{OpState, op2, v8};
use orilla_services::caller::Caller;
use orilla_services::database::{Database, DatabaseError, DatabaseTransaction};

use crate::caller::current_caller;
use crate::error::BindingError;
use crate::pending::PendingBytes;

/// The transactions that an isolate's code has open.
#[derive(Default)]
pub struct Transactions {
    open: HashMap<u32, Open>,
    latest: u32,
}

/// A transaction; `None` once it has ended. One that is open for too long the host undoes: its id stays, so that the owner
/// learns why.
#[derive(Clone)]
struct Open {
    transaction: Rc<tokio::sync::Mutex<Option<DatabaseTransaction>>>,
    /// Who opened it: nobody else may use it.
    owner: Arc<Caller>,
}

impl Transactions {
    fn get(&self, id: u32, caller: &Arc<Caller>) -> Result<Open, BindingError> {
        let open = self.open.get(&id).filter(|open| Arc::ptr_eq(&open.owner, caller));
        Ok(open.ok_or(DatabaseError::TransactionEnded)?.clone())
    }
}

/// Does one call of a collection's method: arguments and result are JSON.
#[op2]
#[string]
pub fn op_database_call(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[string] method: String,
    #[string] collection: String,
    #[string] arguments: String,
) -> Result<impl Future<Output = Result<String, BindingError>> + use<>, BindingError> {
    let (database, caller) = service(scope, &state)?;
    let held = state.borrow().borrow::<PendingBytes>().hold(arguments.len())?;
    Ok(async move {
        let _held = held;
        Ok(database.call(&caller, &method, &collection, &arguments).await?)
    })
}

/// Begins a transaction; answers its id in this isolate.
#[op2]
pub fn op_database_begin(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
) -> Result<impl Future<Output = Result<u32, BindingError>> + use<>, BindingError> {
    let (database, caller) = service(scope, &state)?;
    Ok(async move {
        let transaction = database.begin(&caller).await?;
        let open = Open { transaction: Rc::new(tokio::sync::Mutex::new(Some(transaction))), owner: caller };
        let mut state_now = state.borrow_mut();
        let transactions = state_now.borrow_mut::<Transactions>();
        transactions.latest = transactions.latest.wrapping_add(1);
        let id = transactions.latest;
        transactions.open.insert(id, open);
        Ok(id)
    })
}

/// Does one call in an open transaction.
#[op2]
#[string]
pub fn op_database_call_in(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[smi] transaction: u32,
    #[string] method: String,
    #[string] collection: String,
    #[string] arguments: String,
) -> Result<impl Future<Output = Result<String, BindingError>> + use<>, BindingError> {
    let (database, caller) = service(scope, &state)?;
    let open = state.borrow().borrow::<Transactions>().get(transaction, &caller)?;
    let held = state.borrow().borrow::<PendingBytes>().hold(arguments.len())?;
    Ok(async move {
        let _held = held;
        let mut turn = open.transaction.lock().await;
        let transaction = turn.as_mut().ok_or(DatabaseError::TransactionEnded)?;
        Ok(database.call_in(&caller, transaction, &method, &collection, &arguments).await?)
    })
}

/// Ends a transaction: durable with `keep`, else undone.
#[op2]
pub fn op_database_end(
    scope: &mut v8::PinScope<'_, '_>,
    state: Rc<RefCell<OpState>>,
    #[smi] transaction: u32,
    keep: bool,
) -> Result<impl Future<Output = Result<(), BindingError>> + use<>, BindingError> {
    let (database, caller) = service(scope, &state)?;
    let open = state.borrow().borrow::<Transactions>().get(transaction, &caller)?;
    state.borrow_mut().borrow_mut::<Transactions>().open.remove(&transaction);
    Ok(async move {
        let transaction = open.transaction.lock().await.take();
        if keep {
            let transaction = transaction.ok_or(DatabaseError::TransactionEnded)?;
            database.commit_transaction(transaction).await?;
        }
        Ok(())
    })
}

fn service(
    scope: &mut v8::PinScope<'_, '_>,
    state: &Rc<RefCell<OpState>>,
) -> Result<(Arc<Database>, Arc<Caller>), BindingError> {
    let state = state.borrow();
    let caller = current_caller(scope, &state)?;
    Ok((state.borrow::<Arc<Database>>().clone(), caller))
}
