/** Key-value storage: strings by key, in namespaces that an app names as it likes. */

/** When a stored key expires. Give at most one of the three; without any the key stays until it is deleted. */
export interface KvPutOptions {
  /** Seconds from now until the key expires. */
  ttl?: number;
  /** The same as `ttl`, as other platforms spell it. */
  expirationTtl?: number;
  /** The moment the key expires, in seconds since 1970. */
  expiration?: number;
}

/** Which keys to list. */
export interface KvListOptions {
  /** Only keys that start with this. */
  prefix?: string;
  /** The most keys in one answer, from 1 to 1000. Default 1000. */
  limit?: number;
  /** Where to go on: the `cursor` of the answer before. It is valid for the same namespace only. */
  cursor?: string;
}

/** A key in a list; its value is read with `get`. */
export interface KvKey {
  name: string;
  /** When the key expires, in seconds since 1970; absent if it does not. */
  expiration?: number;
}

/** One page of keys in UTF-8 byte order, in both spellings that are in use. */
export interface KvListResult {
  success: true;
  result: KvKey[];
  result_info: {
    /** Present when more keys follow. */
    cursor?: string;
    /** The number of keys in this page. */
    count: number;
  };
  /** The same array as `result`. */
  keys: KvKey[];
  /** The same as `result_info.cursor`. */
  cursor?: string;
  /** `true` on the last page. */
  list_complete: boolean;
}

/** One namespace: `platform.KV.sessions`. Every method rejects with a `PlatformError`. */
export interface KvNamespace {
  /** The stored string, or `null` when there is none or it has expired. */
  get(key: string): Promise<string | null>;
  /** Stores a string of up to 16 MB. It is durable when the promise resolves. */
  put(key: string, value: string, options?: KvPutOptions): Promise<void>;
  /** Deletes a key; one that does not exist is no error. */
  delete(key: string): Promise<void>;
  list(options?: KvListOptions): Promise<KvListResult>;
}

/** `platform.KV`: each property is the namespace of that name. */
export interface KvNamespaces {
  readonly [namespace: string]: KvNamespace;
}

/** `platform.kv`: the same store, with the namespace as the first argument. */
export interface KvService {
  get(namespace: string, key: string): Promise<string | null>;
  put(namespace: string, key: string, value: string, options?: KvPutOptions): Promise<void>;
  delete(namespace: string, key: string): Promise<void>;
  list(namespace: string, options?: KvListOptions): Promise<KvListResult>;
}
