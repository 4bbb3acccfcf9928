/** The document database: JSON documents in collections, found with MongoDB's operators and by vectors. */

/** A value that a document can hold. */
export type DocumentValue =
  string | number | boolean | null | DocumentValue[] | { [field: string]: DocumentValue };

/** A document as it comes back: with its `_id`. */
export interface Document {
  /** What identifies the document in its collection: what it was inserted with, else a string that was generated. */
  _id: string | number | boolean | null | { [field: string]: DocumentValue };
  // Fields are whatever was stored; a narrower type is up to the app.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  [field: string]: any;
}

/** A document that a vector search found. */
export interface ScoredDocument extends Document {
  /** How similar it is, from 0 to 1; higher is more similar, whatever the metric. */
  _score: number;
  /** The distance itself: 1 − cosine, Euclidean, or bits. */
  _distance: number;
}

/** Which documents: fields with values or operators, and `$and`, `$or`, `$nor`. */
export type Filter = { [pathOrOperator: string]: unknown };

/** How a document changes: `$set` and the other operators, or fields to set. */
export type Update = { [operatorOrField: string]: unknown };

/** An order: fields, each ascending (1) or descending (-1). An array keeps the order of fields that look like numbers. */
export type Sort = { [path: string]: 1 | -1 } | [path: string, direction: 1 | -1][];

/** What of each document is wanted: `{ name: 1 }` or `{ secret: 0 }`. */
export type Projection = { [path: string]: unknown };

/** How the nearest documents are found. */
export interface VectorClause {
  /** The field of a vector index. */
  field: string;
  /** The vector to compare with; several for `late-interaction`. */
  value: number[] | number[][] | Float32Array | Float32Array[];
  /** Most documents, 1 to 1000. */
  k: number;
  /** Instead of the index's metric. */
  metric?: "cosine" | "l2" | "hamming";
  /** Only documents with at least this `_score`. */
  minScore?: number;
  /** `late-interaction` compares each vector of the query with each of a document. Default `single`. */
  queryMode?: "single" | "late-interaction";
  /** How the vectors of a document count together. Default `max-sim`. */
  aggregation?: "max-sim" | "sum";
}

/** Options of `find`. */
export interface FindOptions {
  sort?: Sort;
  /** Most documents, 1 to 1000, which is the default. */
  limit?: number;
  /** Documents to leave out, at most 100,000. */
  skip?: number;
  projection?: Projection;
  /** Finds the documents nearest to a vector, in that order. */
  vector?: VectorClause;
}

/** Options of `findPage`. */
export interface PageOptions {
  sort?: Sort;
  limit?: number;
  projection?: Projection;
  /** The `cursor` of the page before. */
  cursor?: string | null;
}

/** One page of documents. */
export interface Page {
  documents: Document[];
  /** Where the next page begins; `null` on the last one. */
  cursor: string | null;
}

/** What an update did. */
export interface UpdateResult {
  matchedCount: number;
  modifiedCount: number;
  /** The `_id` of the document that an upsert inserted. */
  upsertedId: string | null;
}

/** Options of updates. */
export interface UpdateOptions {
  /** Insert a document if none matches. */
  upsert?: boolean;
  /** Which items `$[name]` in the update's paths stands for. */
  arrayFilters?: Filter[];
  sort?: Sort;
}

/** Options of `findOneAndUpdate` and `findOneAndReplace`. */
export interface FindAndUpdateOptions extends UpdateOptions {
  projection?: Projection;
  /** The document as it was (the default) or as it is now. */
  returnDocument?: "before" | "after";
}

/** The fields of an index, each ascending (1) or descending (-1). Pairs keep their order. */
export type IndexKeys = { [path: string]: 1 | -1 } | [path: string, direction: 1 | -1][];

/** An index to make. */
export interface IndexOptions {
  keys: IndexKeys;
  /** No two documents may have the same values. */
  unique?: boolean;
  /** Only documents that have all the fields, none of them `null`. */
  sparse?: boolean;
  /** Only documents that match this. */
  partial?: Filter;
  /** Documents are deleted so many seconds after the Unix time (in seconds) in the one field. */
  expireAfterSeconds?: number;
  /** Derived from collection, fields and options if it is left out. */
  name?: string;
}

/** A vector index to make. */
export interface VectorIndexOptions {
  /** The path of the field that holds the vector. */
  field: string;
  /** Numbers in a vector, 1 to 4096. */
  dimensions: number;
  /** Default `cosine`; `hamming` goes with `bit` storage only. */
  metric?: "cosine" | "l2" | "hamming";
  /** Default `float32`. */
  storage?: "float32" | "int8" | "bit";
  /** Whether queries may be shorter than `dimensions`. */
  matryoshka?: boolean;
  /** Whether the field holds an array of vectors. */
  multiVector?: boolean;
  name?: string;
}

/** An index as `listIndexes` shows it. */
export type IndexDescription =
  | {
      kind: "document";
      name: string;
      keys: [path: string, direction: 1 | -1][];
      unique: boolean;
      sparse: boolean;
      partial?: Filter;
      expireAfterSeconds?: number;
      state: "ready" | "building";
    }
  | ({ kind: "vector"; name: string; state: "ready" | "building" } & Required<VectorIndexOptions>);

/** The methods of one collection. All of them reject with a `PlatformError`. */
export interface Collection {
  /** The documents that a filter matches; all without one. */
  find(filter: Filter, options: FindOptions & { vector: VectorClause }): Promise<ScoredDocument[]>;
  find(filter?: Filter, options?: FindOptions): Promise<Document[]>;
  /** Some of the documents, and a cursor that goes on after them whatever is written meanwhile. */
  findPage(filter?: Filter, options?: PageOptions): Promise<Page>;
  /** The first document that a filter matches, or `null`. */
  findOne(
    filter?: Filter,
    options?: { sort?: Sort; skip?: number; projection?: Projection },
  ): Promise<Document | null>;
  /** The documents nearest to a vector, nearest first. */
  findSimilar(
    options: VectorClause & {
      filter?: Filter;
      limit?: number;
      skip?: number;
      projection?: Projection;
    },
  ): Promise<ScoredDocument[]>;
  /** How `find` is answered: the indexes it reads, what it looks at, how vectors are searched. */
  explain(filter?: Filter, options?: FindOptions): Promise<Record<string, unknown>>;
  /** How many documents match. Without a filter all are counted, which reads the collection. */
  countDocuments(filter?: Filter): Promise<number>;
  /** The different values of a field, in order; at most 10,000. */
  distinct(field: string, filter?: Filter): Promise<DocumentValue[]>;
  /** Runs documents through the stages of a pipeline. */
  aggregate(pipeline: Record<string, unknown>[]): Promise<Record<string, unknown>[]>;
  /** Stores a document and resolves to its `_id` as a string, once it is durable. */
  insertOne(document: object): Promise<string>;
  /** Stores up to 10,000 documents, all or none. */
  insertMany(documents: object[]): Promise<{ insertedCount: number; insertedIds: string[] }>;
  /** Changes the first document that matches. Without operators the fields of `update` are set. */
  updateOne(filter: Filter, update: Update, options?: UpdateOptions): Promise<UpdateResult>;
  /** Changes all documents that match, at most 100,000, all or none. */
  updateMany(filter: Filter, update: Update, options?: UpdateOptions): Promise<UpdateResult>;
  /** Puts a document in place of the first that matches; its `_id` stays. */
  replaceOne(filter: Filter, document: object, options?: UpdateOptions): Promise<UpdateResult>;
  deleteOne(filter: Filter, options?: { sort?: Sort }): Promise<{ deletedCount: number }>;
  /** Deletes all documents that match, at most 100,000, all or none. */
  deleteMany(filter: Filter): Promise<{ deletedCount: number }>;
  /** Changes the first match and resolves to it, or to `null`. */
  findOneAndUpdate(
    filter: Filter,
    update: Update,
    options?: FindAndUpdateOptions,
  ): Promise<Document | null>;
  findOneAndReplace(
    filter: Filter,
    document: object,
    options?: FindAndUpdateOptions,
  ): Promise<Document | null>;
  /** Deletes the first match and resolves to what it was, or to `null`. */
  findOneAndDelete(
    filter: Filter,
    options?: { sort?: Sort; projection?: Projection },
  ): Promise<Document | null>;
  /** Makes an index and resolves to its name, once it can be used. One that is there already is no error. */
  createIndex(options: IndexOptions): Promise<string>;
  createVectorIndex(options: VectorIndexOptions): Promise<string>;
  dropIndex(name: string): Promise<null>;
  /** Drops the vector index on a field; the documents stay as they are. */
  dropVectorIndex(field: string): Promise<null>;
  /** Indexes of both kinds. */
  listIndexes(): Promise<IndexDescription[]>;
  listVectorIndexes(): Promise<IndexDescription[]>;
}

/** The methods of a collection, each with the collection's name as its first argument. */
export type CollectionMethods = {
  [Method in keyof Collection]: Collection[Method] extends (
    ...args: infer Arguments
  ) => infer Result
    ? (collection: string, ...args: Arguments) => Result
    : never;
};

/** Calls that belong to one transaction. */
export type Transaction = CollectionMethods & { readonly [collection: string]: Collection };

/** What the database can do besides the methods of a collection. */
export interface DatabaseMethods extends CollectionMethods {
  find(
    collection: string,
    filter: Filter,
    options: FindOptions & { vector: VectorClause },
  ): Promise<ScoredDocument[]>;
  find(collection: string, filter?: Filter, options?: FindOptions): Promise<Document[]>;
  /** The collection of a name, also of one that is the name of a method. */
  collection(name: string): Collection;
  /** The names of all collections. */
  listCollections(): Promise<string[]>;
  /**
   * Runs a function whose calls on `tx` become durable together, or not at all. It runs again when other transactions were
   * in the way, so it should do nothing that cannot be repeated; it has five seconds.
   */
  transaction<T>(run: (tx: Transaction) => T | Promise<T>): Promise<T>;
}

/** `platform.DB` and `platform.database`. Any other property is the collection of that name. */
export type Database = DatabaseMethods & { readonly [collection: string]: Collection };
